"""The masks that `init --mask` asks for, and the rows of a first look with nothing else of those columns."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from raytemplate.data.mask_options import BUCKET, DROP, HASH, TRUNCATE, MaskRule, mask_rule
from raytemplate.data.masking import Mask, Masker, fault
from raytemplate.data.sources.listing import SourceTable
from raytemplate.errors import UsageError
from raytemplate.plugins import suggest
from raytemplate.records.codec import Settings

KEY_VARIABLE = "RAYTEMPLATE_MASK_KEY"
"""The environment variable that a first template names as the key of hashes."""
_FORMS = f"{HASH}, {DROP}, {TRUNCATE}:3 or {BUCKET}:10"
_FIRST_LOOK = b"for a first look: its hashes stay in memory"


def masks_of(asked: Iterable[str]) -> dict[str, MaskRule]:
    """Column -> rule, from texts such as "zip=truncate:3".

    Raises:
        UsageError: a text has another form, or a column is masked twice.
    """
    found: dict[str, MaskRule] = {}
    for text in asked:
        column, _, rule = text.rpartition("=")
        if not column:
            raise UsageError(f'--mask: got "{text}", expected COLUMN=RULE, where RULE is {_FORMS}')
        if column in found:
            raise UsageError(f"--mask: column {column} is masked twice")
        found[column] = _rule(column, rule)
    return found


def _rule(column: str, text: str) -> MaskRule:
    name, _, number = text.partition(":")
    try:
        value: Any = {name: float(number) if "." in number else int(number)} if number else text
        rule: Any = mask_rule(value)
    except ValueError:
        raise UsageError(f'--mask {column}: got "{text}", expected {_FORMS}') from None
    return rule


def check_masks(rules: Mapping[str, MaskRule], source: SourceTable, target: str, time: str) -> None:
    """Refuses masks of columns that do not exist or that cannot be masked in that way.

    Raises:
        UsageError: the first of them.
    """
    for column, rule in rules.items():
        if column not in source.schema:
            raise UsageError(f'--mask: no column "{column}"; {suggest(column, tuple(source.schema))}')
        if column in (target, time):
            raise UsageError(f"--mask: {column} is {'--target' if column == target else '--time'}, not to be masked")
        if column in source.partitions:
            raise UsageError(f"--mask: {column} comes from the names of folders, which plans and records show")
        if problem := fault(column, source.schema[column], rule):
            raise UsageError(f"--mask: {problem}")


def masked_for_a_look(table: pa.Table, rules: Mapping[str, MaskRule]) -> pa.Table:
    """The rows masked with a key of no use elsewhere: its hashes are never shown."""
    return Masker(mask=Mask(rules=Settings(rules)), key=_FIRST_LOOK).masked(table) if rules else table
