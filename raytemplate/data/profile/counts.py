"""Rows of each value of a column, as two arrays: values that differ, in their order, and their numbers of rows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.exact import to_float64
from raytemplate.data.missing import is_missing

pc: Any = pyarrow.compute

LONGEST = 200
"""Most characters of a text that is kept as it is; of a longer one the beginning and a hash are kept."""
_HASH_CHARS = 16
_NO_VALUES: Any = pa.nulls(0)  # `pa.array` would import pandas
_NO_ROWS: Any = pa.nulls(0, pa.int64())
_TIME = pa.timestamp("us", "UTC")
_WIDE = pa.decimal128(38, 0)
_SORTED = (pa.float64(), pa.int64(), _TIME)
"""Types whose values NumPy sorts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Rows of each value."""

    values: Any = field(default_factory=lambda: _NO_VALUES)
    """Sorted Arrow array of double, int64, decimal128(38, 0), large_string, bool or timestamp[us, UTC]; of type null if
    it is empty."""

    rows: Any = field(default_factory=lambda: _NO_ROWS)
    """Rows of each; Arrow array of int64."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def weights(self) -> NDArray[np.int64]:
        """`rows` as int64 [values]."""
        return self.rows.to_numpy()

    @staticmethod
    def of(column: Any) -> "Counts":
        """The counts of values [rows] that are not missing."""
        if (sortable := _sortable(column)) is not None:
            return _sorted(*sortable)
        found = pc.value_counts(column)
        values, rows = found.field("values"), found.field("counts")
        missing = is_missing(values)
        if pc.any(missing).as_py():
            there = pc.invert(missing)
            values, rows = values.filter(there), rows.filter(there)
        return _in_order(_canonical(values), rows.to_numpy(zero_copy_only=False)) if len(values) else Counts()

    @staticmethod
    def sum(parts: Sequence["Counts"]) -> "Counts":
        """The counts of all parts."""
        filled = [part for part in parts if len(part)]
        if len(filled) < 2:
            return filled[0] if filled else Counts()
        rows, kind = np.concatenate([part.weights for part in filled]), filled[0].values.type
        if kind in _SORTED and all(part.values.type == kind for part in filled):
            numbers = np.concatenate([_ticks(part.values).to_numpy() for part in filled])
            order = np.argsort(numbers, kind="stable")  # it finds that the parts are sorted
            return _sorted(numbers[order], kind, rows[order])
        tables = [pa.table({"": part.values}) for part in filled]
        values: Any = pa.concat_tables(tables, promote_options="permissive").column(0).combine_chunks()
        return _in_order(values, rows)


def most_frequent(counts: Counts, most: int) -> tuple[Counts, int]:
    """At most `most` of the counts, and by how much they are now too low.

    The rule of Misra and Gries (1982), as in `data.statistics`: the largest count that does not fit is subtracted from
    all. A value in more than 1 of `most` rows is always among those that are left.
    """
    if len(counts) <= most:
        return counts, 0
    rows, fits = counts.weights, len(counts) - most
    lost = int(np.partition(rows, fits - 1)[fits - 1])
    kept = rows > lost
    if not kept.any():
        return Counts(), lost
    return Counts(values=counts.values.filter(pa.array(kept)), rows=pa.array(rows[kept] - lost)), lost


def _sortable(column: Any) -> tuple[NDArray[Any], Any] | None:
    """(sorted numbers [rows with a value], their Arrow type) if sorting them is quicker than hashing; else None."""
    kind = column.type
    if pa.types.is_floating(kind):
        numbers = np.sort(_there(column) + 0.0)  # -0 is 0
        num_there = np.searchsorted(numbers, numbers.dtype.type(np.nan))
        return numbers[:num_there].astype(np.float64, copy=False), pa.float64()
    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        return np.sort(_there(column)).astype(np.int64, copy=False), pa.int64()
    if pa.types.is_timestamp(kind):
        return np.sort(_there(column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64()))), _TIME
    if pa.types.is_date(kind):
        return np.sort(_there(column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()))), _TIME
    return None


def _there(column: Any) -> NDArray[Any]:
    """The values of numbers [rows] that are not null."""
    return (column.drop_null() if column.null_count else column).to_numpy()


def _ticks(values: Any) -> Any:
    """Times as whole numbers; other values as they are."""
    return values.cast(pa.int64()) if values.type == _TIME else values


def _sorted(numbers: NDArray[Any], kind: Any, rows: NDArray[np.int64] | None = None) -> Counts:
    """The counts of sorted numbers.

    Args:
        kind: their Arrow type.
        rows: the rows of each; default: one.
    """
    if not len(numbers):
        return Counts()
    is_new = np.ones(len(numbers), bool)
    np.not_equal(numbers[1:], numbers[:-1], out=is_new[1:])
    if not is_new.all():
        first = np.flatnonzero(is_new)
        numbers = numbers[first]
        rows = np.diff(first, append=len(is_new)) if rows is None else np.add.reduceat(rows, first)
    values: Any = pa.array(numbers)
    rows = np.ones(len(numbers), np.int64) if rows is None else rows
    return Counts(values=values if values.type == kind else values.cast(kind), rows=pa.array(rows))


def _canonical(values: Any) -> Any:
    kind = values.type
    if pa.types.is_decimal(kind) and kind.scale > 0:
        return pa.array(to_float64(values).to_numpy(zero_copy_only=False) + 0.0)
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return _whole(values)
    return values if pa.types.is_boolean(kind) else values.cast(pa.large_string())


def _whole(values: Any) -> Any:
    """Whole numbers as int64 if that holds them all, else as decimals."""
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:
        try:
            return values.cast(_WIDE)
        except pa.ArrowInvalid:
            return values.cast(pa.float64(), safe=False)


def shortened(counts: Counts) -> Counts:
    """The counts with long texts replaced by their beginning and a hash."""
    texts = counts.values
    long = pc.greater(pc.utf8_length(texts), LONGEST)
    start = LONGEST - _HASH_CHARS - 1
    short = [
        f"{t[:start]}#{hashlib.sha256(t.encode()).hexdigest()[:_HASH_CHARS]}" for t in texts.filter(long).to_pylist()
    ]
    return _in_order(pc.replace_with_mask(texts, long, pa.array(short, pa.large_string())), counts.weights)


def _in_order(values: Any, rows: NDArray[Any]) -> Counts:
    """Counts of values in any order; equal ones are added up."""
    order = pc.sort_indices(values)
    values, rows = values.take(order), rows[order.to_numpy()].astype(np.int64)
    if len(values) > 1:
        is_new = np.append(True, pc.not_equal(values.slice(1), values.slice(0, len(values) - 1)).to_numpy(False))
        if not is_new.all():
            first = np.flatnonzero(is_new)
            values, rows = values.take(pa.array(first)), np.add.reduceat(rows, first)
    return Counts(values=values, rows=pa.array(rows))
