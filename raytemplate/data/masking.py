"""Masks columns of a table: hashed, cut to their first characters, reduced to a multiple, or dropped.

A value is masked by its text: of text the text as it is read, of a number its digits (7 and 7.0 are "7"), of a time
its ISO form in UTC. A value therefore has the same mask whether it comes from CSV, Parquet or a frame.
"""

import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from raytemplate.data.condition_types import plain_type
from raytemplate.data.exact import to_float64, written
from raytemplate.data.mask_options import BUCKET, DROP, HASH, TRUNCATE, MaskRule
from raytemplate.data.missing import null_where_missing
from raytemplate.data.sources.text.missing_words import is_number
from raytemplate.errors import DataError, IntegrityError, UsageError
from raytemplate.records.codec import Settings
from raytemplate.secret import resolve

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

KEY_FIELD = "data.mask_key"
LEAST_KEY = 16
"""Fewest characters of a key: a shorter one can be guessed from hashes of known values."""
_SET_KEY = f"set a key of at least {LEAST_KEY} characters on every machine that reads rows, before Ray starts"
_HEX = 32
_CONSTANT, _ID = b"raytemplate: which key is it?", 12
_NEAR = 1e-9
"""Least distance from a multiple, in widths, that is not taken for rounding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mask:
    """What is done to which columns. It travels with plans and models; the key does not."""

    rules: Settings
    """Column -> "hash", "drop", {"truncate": N} or {"bucket": W}."""

    key: str = ""
    """Reference to the key of hashes; "" if nothing is hashed."""

    key_id: str = ""
    """Id of the key with which a model's rows were hashed; "" in a plan, which does not know the key."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The masked columns, dropped ones included."""
        return tuple(self.rules)

    def columns_of(self, table: pa.Table, names: Sequence[str]) -> dict[str, Any]:
        """Those of the named columns of a masked table that were masked, as objects [rows] with None where missing."""
        there = [name for name in names if name in self.rules and name in table.column_names]
        return {name: np.array(table.column(name).to_pylist(), dtype=object) for name in there}

    @property
    def needs_key(self) -> bool:
        """Whether a column is hashed."""
        return HASH in self.rules.values()


@dataclass(frozen=True, kw_only=True, slots=True)
class Masker:
    """A mask together with its key, which must stay in this process."""

    mask: Mask
    """What to do."""

    key: bytes = field(default=b"", repr=False)
    """The key of hashes; empty if nothing is hashed."""

    @property
    def key_id(self) -> str:
        """12 hex digits that identify the key, and from which it cannot be computed; "" without a key."""
        return _hashed(self.key, _CONSTANT)[:_ID] if self.key else ""

    def masked(self, table: pa.Table) -> pa.Table:
        """The rows with every column of the mask that is there masked; dropped columns are gone.

        Raises:
            DataError: a column's type cannot be masked in that way.
        """
        for name, rule in self.mask.rules.items():
            index = table.schema.get_field_index(name)
            if index >= 0:
                column: Any = table.column(index)
                if rule == DROP:
                    table = table.remove_column(index)
                else:
                    table = table.set_column(index, name, self._masked(name, null_where_missing(column), rule))
        return table

    def _masked(self, name: str, column: Any, rule: MaskRule) -> Any:
        if problem := fault(name, str(column.type), rule):
            raise DataError(problem)
        if rule == HASH:
            return _hashes(self.key, texts(column))
        assert isinstance(rule, Mapping)
        if TRUNCATE in rule:
            return _shortened(texts(column), int(rule[TRUNCATE]))
        return buckets(column, rule[BUCKET])


def masker_of(mask: Mask, environ: Mapping[str, str] | None = None) -> Masker:
    """The mask with its key, looked up on this machine.

    Raises:
        UsageError: the key does not exist here, or is too short.
        IntegrityError: it is not the key with which a model's rows were masked.
    """
    if not mask.needs_key:
        return Masker(mask=mask)
    try:
        key = resolve(mask.key, KEY_FIELD, os.environ if environ is None else environ)
    except UsageError as error:
        raise UsageError(error.what, next_step=_SET_KEY) from None
    if len(key) < LEAST_KEY:
        raise UsageError(
            f"{KEY_FIELD}: the key has fewer than {LEAST_KEY} characters, so few that it can be guessed",
            next_step="use a longer one, such as what openssl rand -hex 32 prints",
        )
    found = Masker(mask=mask, key=key.encode())
    if mask.key_id not in ("", found.key_id):
        raise IntegrityError(
            f"{KEY_FIELD}: not the key that the model's training data was masked with",
            next_step="set that key; with another one every hash is a value that the model does not know",
        )
    return found


def masked_schema(schema: Mapping[str, str], rules: Mapping[str, MaskRule]) -> dict[str, str]:
    """Column -> Arrow type as text, after masking; "" stays "" unless the mask alone decides the type."""
    return {name: masked_type(kind, rules.get(name)) for name, kind in schema.items() if rules.get(name) != DROP}


def masked_type(kind: str, rule: MaskRule | None) -> str:
    """An Arrow type after masking."""
    if rule is None or (not kind and not _is_text_after(rule)):
        return kind
    if _is_text_after(rule):
        return "string"
    plain = plain_type(kind)
    assert isinstance(rule, Mapping)
    if plain.startswith(("int", "uint")) and _is_whole(rule[BUCKET]):
        return "uint64" if plain == "uint64" else "int64"
    return plain if plain == "null" else "double"


def _is_whole(width: float) -> bool:
    """Whether multiples of the width are whole numbers that are computed exactly."""
    return float(width).is_integer() and width < 2**53


def _is_text_after(rule: MaskRule) -> bool:
    return rule == HASH or (isinstance(rule, Mapping) and TRUNCATE in rule)


_TEXTS = ("string", "large_string", "string_view")
_NUMBERS = ("int", "uint", "float", "double", "halffloat", "decimal")
_OTHERS = ("bool", "timestamp", "date", "time", "null")


def fault(name: str, kind: str, rule: MaskRule) -> str:
    """Why a column of this Arrow type cannot be masked in that way; "" if it can, or if the type is unknown ("")."""
    plain = plain_type(kind)
    if not kind or rule == DROP:
        return ""
    if isinstance(rule, Mapping) and BUCKET in rule:
        fits, expected = (*_NUMBERS, "null"), "a number"
    else:
        fits, expected = (*_TEXTS, *_NUMBERS, *_OTHERS), "text, a number, a boolean or a time"
    return "" if plain.startswith(fits) else f'column "{name}" is {kind}, expected {expected}'


def texts(column: Any) -> Any:
    """The values [rows] as the text that is masked; null where they are missing."""
    kind = column.type
    if pa.types.is_temporal(kind) and not pa.types.is_time(kind):
        zone = "UTC" if getattr(kind, "tz", None) else None
        return column.cast(pa.timestamp("us", zone), safe=False).cast(pa.timestamp("us")).cast(pa.string())
    if pa.types.is_decimal(kind):
        found = column.cast(pa.string())
        return pc.replace_substring_regex(found, r"\.?0+$", "") if kind.scale > 0 else found
    return written(column) if is_number(kind) else column.cast(pa.string())


def _hashes(key: bytes, column: Any) -> Any:
    coded: Any = pc.dictionary_encode(column)
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    found = [_hashed(key, str(text).encode())[:_HEX] for text in coded.dictionary.to_pylist()]
    return pa.array(found, pa.string()).take(coded.indices)


def _hashed(key: bytes, content: bytes) -> str:
    """HMAC-SHA256 (RFC 2104) in hex."""
    return hmac.digest(key, content, "sha256").hex()


def _shortened(column: Any, length: int) -> Any:
    return null_where_missing(pc.utf8_trim_whitespace(pc.utf8_slice_codeunits(column, 0, length)))


def buckets(column: Any, width: float) -> Any:
    """Numbers [rows] down to the next multiple of the width: whole numbers exactly, others as float64."""
    kind = column.type
    if pa.types.is_null(kind):
        return column
    if pa.types.is_integer(kind) and _is_whole(width):
        wide = pa.uint64() if pa.types.is_uint64(kind) else pa.int64()
        numbers = column.cast(wide).fill_null(0).to_numpy()
        # Below the least int64 there is no multiple: such a number stays, instead of turning into a large one.
        least = np.minimum(numbers - numbers % numbers.dtype.type(int(width)), numbers)
        return pc.if_else(column.is_null(), pa.scalar(None, wide), pa.array(least, wide))
    numbers = to_float64(column).fill_null(np.nan).to_numpy()
    exact = Fraction(str(width))  # as it is written: 0.1 is a tenth
    steps = numbers * exact.denominator / exact.numerator
    nearest = np.round(steps)
    with np.errstate(invalid="ignore"):  # infinite numbers stay what they are
        is_near = np.abs(steps - nearest) <= _NEAR * np.maximum(1.0, np.abs(steps))
    whole = np.where(is_near, nearest, np.floor(steps))
    found = whole * exact.numerator / exact.denominator
    return pa.array(found, pa.float64(), from_pandas=True)
