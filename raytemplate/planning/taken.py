"""Whether a feature set fits a template and its data: every problem, with its location."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from fnmatch import fnmatchcase

from raytemplate.data.conditions import target_columns
from raytemplate.data.features.fitted import FeatureSet, FittedColumn
from raytemplate.data.features.inputs import reads
from raytemplate.data.mask_options import rule_text
from raytemplate.data.masking import masked_schema, masker_of
from raytemplate.data.sources.as_read import word_of
from raytemplate.data.split import Split
from raytemplate.errors import Problem, SpecError, UsageError
from raytemplate.planning.columns import no_column
from raytemplate.planning.feature_sets import FIELD
from raytemplate.planning.inventory import Inventory
from raytemplate.planning.masks import mask_of
from raytemplate.planning.stages import Window
from raytemplate.spec.schema import TemplateSpec
from raytemplate.units import show_moment

_FITTING: Mapping[str, tuple[str, ...]] = {
    "number": ("number", "integer", "boolean"),
    "text": ("text",),
    "whole number": ("integer",),
    "boolean": ("boolean",),
    "time": ("time",),
}
"""Family of a fitted feature's column -> types in the words of a contract that the feature can encode."""


def taken_problems(spec: TemplateSpec, inventory: Inventory) -> tuple[Problem, ...]:
    """Why the feature set that a template takes does not fit it or its data; empty if it does, or takes none."""
    if inventory.taken is None:
        return ()
    found = _problems(spec, inventory.taken, inventory.source.schema, inventory.code.sha256)
    return tuple(Problem(where=spec.where(path), path=path, message=message) for path, message in found)


def _problems(
    spec: TemplateSpec, taken: FeatureSet, schema: Mapping[str, str], code_sha256: str
) -> Iterator[tuple[str, str]]:
    """(path, problem)."""
    names = {feature.column for feature in taken.features}
    for one in spec.features.listed():
        if one.name in names:
            yield one.path, f'"{one.name}" is already in {taken.name}; a column is one feature'
    for feature in taken.features:
        for message in _of_feature(spec, feature):
            yield FIELD, f"{taken.name}: {message}"
    for column in taken.columns:
        if column not in schema:
            yield FIELD, f"{taken.name}: {no_column(column, schema)}"
    yield from ((FIELD, message) for message in _types(spec, taken, schema))
    yield from _masks(spec, taken)
    if taken.code_sha256 and taken.code_sha256 != code_sha256:
        made = ", ".join(feature.column for feature in taken.features if feature.build)
        yield "code.modules", f"{taken.name}: {made} is made by own functions, and these are other modules than it has"


def _of_feature(spec: TemplateSpec, feature: FittedColumn) -> Iterator[str]:
    targets = target_columns(spec.data.target)
    for column in reads(feature):
        if column in targets:
            yield f'"{column}" is in data.target; what is predicted cannot be a feature'
        for pattern in spec.features.forbidden:
            if fnmatchcase(column, pattern):
                yield f'"{column}" matches "{pattern}" in features.forbidden'


def _types(spec: TemplateSpec, taken: FeatureSet, schema: Mapping[str, str]) -> Iterator[str]:
    """Columns of another type than the set was fitted on. Types that have no word are left to the read."""
    masked = masked_schema(schema, spec.data.mask)
    told: dict[str, str] = {}
    for feature in taken.features:
        for column in reads(feature):
            found, then = word_of(masked.get(column, "")), taken.types.get(column, "")
            if feature.inputs:  # it is made from the values themselves, so that 7 and "7" are not the same
                found, fitting, then = word_of(schema.get(column, "")), (then,) if then else (), then
            else:
                fitting, then = _FITTING.get(feature.type, ()), feature.type
            if found and fitting and found not in fitting:
                told.setdefault(column, f'column "{column}" is {schema[column]}, but was {then} when it was fitted')
    yield from (f"{taken.name}: {message}" for message in told.values())


def _masks(spec: TemplateSpec, taken: FeatureSet) -> Iterator[tuple[str, str]]:
    """Columns that are masked otherwise than they were: no value would be one that the set knows."""
    for column in taken.columns:
        then, now = taken.masked.get(column), spec.data.mask.get(column)
        if then != now:
            words = [rule_text(rule) if rule is not None else "not masked" for rule in (then, now)]
            path = f"data.mask.{column}" if now is not None else FIELD
            yield path, f'{taken.name}: "{column}" was {words[0]} when it was fitted, and is {words[1]} here'
    mask = mask_of(spec)
    if not taken.hashed or mask is None or not mask.needs_key:
        return
    try:
        key_id = masker_of(mask).key_id
    except UsageError:  # the machines that read rows may have the key; the run compares it
        return
    if key_id != taken.mask_key:
        hashed = ", ".join(taken.hashed)
        yield "data.mask_key", f"{taken.name}: another key than the one with which it knows {hashed}"


def refuse_seen(spec: TemplateSpec, inventory: Inventory, test: Window, split: Split | None) -> None:
    """Refuse a feature set that has seen rows of the test window: the test would not be one.

    Raises:
        SpecError: it has, or nobody can tell.
    """
    taken = inventory.taken
    if taken is None:
        return
    message = ""
    if taken.split != (split.id if split else ""):
        message = _split_otherwise(taken, split)
    elif split is None and taken.seen_until > test.start:
        message = _seen(taken, test.start, inventory.taken_versions)
    if message:
        raise SpecError((Problem(where=spec.where(FIELD), path=FIELD, message=message),))


def _seen(taken: FeatureSet, start: datetime, versions: tuple[tuple[int, datetime], ...]) -> str:
    earlier = next(((number, seen) for number, seen in versions if seen <= start), None)
    expected = "a later --as-of"
    if earlier is not None:
        expected = (
            f"features/{taken.model}/{earlier[0]}, which has seen data until {show_moment(earlier[1])}, or {expected}"
        )
    return (
        f"{taken.name} has seen data until {show_moment(taken.seen_until)}, and the test window begins "
        f"{show_moment(start)}; expected {expected}"
    )


def _split_otherwise(taken: FeatureSet, split: Split | None) -> str:
    if split is None:
        why, expected = "rows split by hash", "a set of a model with data.time"
    elif not taken.split:
        why, expected = "windows of time", "a set of a model with the same data.split"
    else:
        why, expected = "rows that were split otherwise", "a set of a model with the same data.split"
    return f"{taken.name} was fitted on {why}, and may have seen test rows; expected {expected}"
