"""Splits rows without a time by a hash of their content: a row is always on the same side, whatever rows surround it.

A row's hash is 64 bits: the seed's hash mixed with the hash of each column, keyed by its name. The order of rows and
columns, the other rows and the file therefore do not matter. A number is hashed as its float64, whatever its type in
the file, or by its digits if no float64 equals it (a whole number or decimal beyond 2^53); a time as microseconds since
1970; text and bytes by BLAKE2b; a missing value as missing, however it is spelt. Rows that are equal in all hashed
columns share a side. Values are hashed as training reads them, so that a CSV file and a Parquet file made from it are
split alike.

Splits of earlier versions must keep their ways, or rows would change sides. Those without `exact_decimals` hash a
decimal as Arrow casts it to float64, which often misses the nearest one by a bit. Those without `kinds` also hash
values as they are in the file: blanks around text count, blank text is a value, and a whole number is its nearest
float64.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.exact import to_float64
from raytemplate.data.missing import null_where_missing
from raytemplate.data.statistics import plain
from raytemplate.errors import DataError
from raytemplate.records import codec

pc: Any = pyarrow.compute

Hashes = NDArray[np.uint64]
SIDES = ("train", "validation", "test")
EXACT_BELOW = 2.0**53
"""Whole numbers below it have a float64 of their own."""
_MISSING = 0x9E3779B97F4A7C15


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """A split by row hash."""

    validation: float
    """Share of the rows for validation, 0 to 1."""

    test: float
    """Share of the rows for the test, 0 to 1."""

    seed: int
    """Seed of the hash."""

    columns: tuple[str, ...]
    """The hashed columns, sorted by name."""

    by_keys: bool
    """Whether `columns` are the template's keys, rather than all columns but those of the target."""

    kinds: tuple[str, ...] = ()
    """What each of `columns` holds: "number", "text", "time", or "" without a value. 7 and '7' have different hashes.
    Empty in splits of earlier versions."""

    exact_decimals: bool = False
    """Whether a decimal is hashed as the float64 nearest to its digits, as the same number in a CSV file is. False in
    splits of earlier versions."""

    @property
    def is_as_read(self) -> bool:
        """Whether values are hashed as training reads them, rather than as they are in the file."""
        return bool(self.kinds)

    @property
    def id(self) -> str:
        """12 hex digits: two models with the same id have the same rows on the same sides."""
        written = codec.encode(self)
        for added in ("kinds", "exact_decimals"):  # models of earlier versions keep their ids
            if not written[added]:
                del written[added]
        return hashlib.sha256(codec.canonical(written).encode()).hexdigest()[:12]

    def share(self, side: str) -> float:
        """The share of the rows on one side."""
        shares = {"validation": self.validation, "test": self.test}
        return shares.get(side, 1.0 - self.validation - self.test)


def sides(table: pa.Table, split: Split) -> NDArray[np.uint8]:
    """The side of each row, an index into `SIDES`.

    Raises:
        DataError: a hashed column holds lists or objects.
    """
    hashes = row_hashes(
        table,
        split.columns,
        split.seed,
        as_it_stands=not split.is_as_read,
        exact_decimals=split.exact_decimals,
    )
    draw = hashes.astype(np.float64) / 2.0**64
    return np.select([draw < split.test, draw < split.test + split.validation], [2, 1], 0).astype(np.uint8)


def row_hashes(
    table: pa.Table, columns: Sequence[str], seed: int, *, as_it_stands: bool = False, exact_decimals: bool = True
) -> Hashes:
    """64 evenly spread bits a row, uint64 [rows], from these columns.

    Args:
        as_it_stands: hash values as they are in the file, as splits and samples of earlier versions do; see above.
        exact_decimals: see `Split`.
    """
    found = np.full(table.num_rows, _text_hash(str(seed)), np.uint64)
    for name in sorted(columns):
        column = plain(table.column(name)) if as_it_stands else null_where_missing(table.column(name))
        bits = _column(column.combine_chunks(), name, as_it_stands, exact_decimals)
        found = mixed(found ^ mixed(bits ^ np.uint64(_text_hash(name))))
    return found


def column_bits(column: Any) -> Hashes:
    """64 bits for each value of a column [rows] as training reads it, not evenly spread, uint64 [rows].

    Raises:
        DataError: it holds lists or objects.
    """
    return _column(column, "", as_it_stands=False, exact_decimals=True)


def _column(column: Any, name: str, as_it_stands: bool, exact_decimals: bool) -> Hashes:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        bits = column.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False).cast(pa.int64())
    elif (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    ):
        return _numbers(column, large_ones=not as_it_stands, exact_decimals=exact_decimals)
    elif pa.types.is_null(kind):
        return np.full(len(column), _MISSING, np.uint64)
    else:
        return _texts(column, name)
    values = bits.fill_null(0).to_numpy(zero_copy_only=False).view(np.uint64)
    return np.where(_is_null(column), np.uint64(_MISSING), values)


def _numbers(column: Any, *, large_ones: bool, exact_decimals: bool) -> Hashes:
    """
    Args:
        large_ones: hash a number that no float64 equals by its digits.
        exact_decimals: see `Split`.
    """
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    floats = to_float64(column) if exact_decimals else column.cast(pa.float64(), safe=False)
    values = floats.fill_null(np.nan).to_numpy(zero_copy_only=False)
    values = values + 0.0  # minus zero is zero
    found = np.where(np.isnan(values), np.uint64(_MISSING), values.view(np.uint64))
    large = np.flatnonzero(np.abs(values) >= EXACT_BELOW)
    if large_ones and len(large) and not pa.types.is_floating(column.type):
        found[large] = _by_digits(column.take(pa.array(large)), values[large])
    return found


def _by_digits(numbers: Any, rounded: NDArray[np.float64]) -> Hashes:
    """The bits of the float64 for each number that equals its float64, else the hash of its digits."""
    texts = numbers.cast(pa.string()).to_pylist()
    floats = {text: float(value) for text, value in zip(texts, rounded, strict=True)}
    bits = {text: _text_hash(_plain(text)) for text, value in floats.items() if Decimal(text) != Decimal(value)}
    return np.array([bits.get(t, v) for t, v in zip(texts, rounded.view(np.uint64).tolist(), strict=True)], np.uint64)


def _plain(digits: str) -> str:
    """The digits without trailing zeros after the point."""
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _texts(column: Any, name: str) -> Hashes:
    try:
        coded = column.cast(pa.large_binary()).dictionary_encode()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"column {name} holds {column.type}, and rows are split by the hash of all columns but the target",
            next_step="set data.keys to the columns that say which row it is",
        ) from error
    words = np.array([_text_hash(text) for text in coded.dictionary.to_pylist()], np.uint64)
    codes = coded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
    return np.append(words, np.uint64(_MISSING))[codes]


def _is_null(column: Any) -> NDArray[np.bool_]:
    return pc.is_null(column).to_numpy(zero_copy_only=False)


def _text_hash(text: str | bytes) -> int:
    content = text.encode() if isinstance(text, str) else text
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def mixed(bits: Hashes) -> Hashes:
    """SplitMix64's finaliser (Steele, Lea and Flood 2014): each bit of the input flips half the bits of the output."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
