# pyright: basic, reportAttributeAccessIssue=false
# (pyarrow carries no types)
"""Simple views of a column: its numbers or values, and parts of a text that has many values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.exact import to_float64, written
from raytemplate.data.missing import null_where_missing
from raytemplate.evaluation.metrics.formula import Floats

pc: Any = pyarrow.compute

_MANY_VALUES = 50
_LONGEST_PREFIX = 3
# `_IN_ORDER` is a rank correlation; for values without an order, the share of groups whose rows are contiguous.
_MANY_GROUPS, _IN_ORDER = 10, 0.95


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class View:
    """Rows by group; groups of numbers are in rising order, and those of missing values come last."""

    code: NDArray[np.int64]
    """The group of each row, int64 [rows], from 0."""

    num_groups: int
    """Number of groups, including those without rows."""

    levels: Floats | None = None
    """The number that represents each group, float64 [groups except those of missing values]; None for values without
    an order."""

    in_blocks: bool = False
    """Whether neighbouring values are alike, as times within an hour are."""

    def has_number(self) -> NDArray[np.bool_]:
        """Whether a row has a number, bool [rows]."""
        assert self.levels is not None
        return self.code < len(self.levels)

    def numbers(self) -> Floats:
        """The number of each row, float64 [rows]; 0 if it is missing."""
        assert self.levels is not None
        return np.append(self.levels, np.zeros(self.num_groups - len(self.levels)))[self.code]

    def presence(self) -> View:
        """A view of only whether there is a number."""
        return View(code=(~self.has_number()).astype(np.int64), num_groups=2)

    def runs_along(self, rows: NDArray[np.int64]) -> bool:
        """Whether there are many groups and they are nearly in the order of the rows, as for a counter or an odometer.

        Args:
            rows: int64 [rows], the position of each row.
        """
        order = np.lexsort((rows, self.code))
        if len(np.unique(self.code)) < _MANY_GROUPS:
            return False
        if self.levels is not None:
            return bool(abs(np.corrcoef(np.arange(len(rows)), rows[order])[0, 1]) >= _IN_ORDER)
        in_turn = self.code[np.argsort(rows)]
        return 1 + (np.diff(in_turn) != 0).sum() <= len(np.unique(in_turn)) / _IN_ORDER

    def coarser(self, num_bins: int) -> View:
        """The view with at most `num_bins` bins of about equally many rows, each represented by the mean of its
        numbers; equal numbers share a bin. Returns the view itself if it has no more groups than that."""
        assert self.levels is not None
        if len(self.levels) <= num_bins:
            return self
        rows = np.bincount(self.code, minlength=self.num_groups)[: len(self.levels)]
        bins = np.floor((np.cumsum(rows) - rows / 2) * num_bins / rows.sum()).astype(np.int64)
        bins = np.unique(bins, return_inverse=True)[1]
        levels = np.bincount(bins, weights=rows * self.levels) / np.bincount(bins, weights=rows)
        missing = np.arange(len(levels), len(levels) + self.num_groups - len(self.levels))
        return replace(
            self, code=np.append(bins, missing)[self.code], num_groups=len(levels) + len(missing), levels=levels
        )


def views_of(column: pa.Array | pa.ChunkedArray) -> Iterator[View]:
    """The views of a column [rows]; for a type other than number, boolean, text or time, only whether it is missing."""
    whole = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    values: Any = null_where_missing(whole).combine_chunks()
    types = pa.types
    kind = values.type
    if values.null_count:
        yield _of_values(pc.is_null(values))
    if types.is_string(kind) or types.is_large_string(kind):
        yield from _of_text(values)
    elif types.is_temporal(kind) and not types.is_interval(kind):
        yield _of_numbers(_since_epoch(values), in_blocks=not (types.is_duration(kind) or types.is_time(kind)))
    elif types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind):
        numbers = _of_numbers(_floats(values))
        yield numbers
        if types.is_integer(kind) and numbers.num_groups > _MANY_VALUES:
            yield _of_values(pc.binary_slice(_bytes(written(values)), -1))


def _since_epoch(values: Any) -> Floats:
    width = pa.int32() if values.type.bit_width == 32 else pa.int64()
    return _floats(values.cast(width))


def _floats(values: Any) -> Floats:
    return to_float64(values).to_numpy(zero_copy_only=False)


def _of_numbers(numbers: Floats, *, in_blocks: bool = False) -> View:
    """A view of numbers. Infinite ones form groups beside the missing ones, since no line can go through them."""
    finite = np.isfinite(numbers)
    levels, rank = np.unique(numbers[finite], return_inverse=True)
    code = np.full(len(numbers), len(levels))
    code[finite] = rank
    code[np.isinf(numbers)] += np.where(numbers[np.isinf(numbers)] > 0, 1, 2)
    return View(code=code, num_groups=len(levels) + 3, levels=levels, in_blocks=in_blocks)


def _of_values(values: Any) -> View:
    encoded = values.dictionary_encode(null_encoding="encode")
    return View(code=encoded.indices.to_numpy().astype(np.int64), num_groups=len(encoded.dictionary))


def _of_text(values: Any) -> Iterator[View]:
    whole = _of_values(values)
    yield whole
    if whole.num_groups <= _MANY_VALUES:
        return
    raw = _bytes(values)
    for length in range(1, _LONGEST_PREFIX + 1):
        yield _of_values(pc.binary_slice(raw, 0, length))
    yield _of_values(pc.binary_slice(raw, -1))
    yield _of_numbers(_floats(pc.binary_length(raw)))
    try:
        yield _of_numbers(_floats(values))
    except pa.ArrowInvalid:
        return  # the texts are not all numbers


def _bytes(values: Any) -> Any:
    return values.cast(pa.large_binary())
