"""Sums of the target by value of a column and by fold, so that a row can be encoded without its own target.

Counts merge exactly and in any order; sums are associative up to rounding. Past 100,000 distinct values the rarest
seen so far are dropped; for rare values the result then depends on the order of merging.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from raytemplate.data import statistics
from raytemplate.data.split import row_hashes
from raytemplate.data.statistics import merged_type

Floats = npt.NDArray[np.float64]

MISSING = "\0missing"
"""The key for missing values, which have a mean of their own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetMeanProfile:
    """Row counts and sums of the target by fold, for every value of a column and for all rows together."""

    type: str
    """Family of the column's Arrow type."""

    num_rows: int
    """All rows."""

    num_null: int
    """Rows without a value in the column."""

    counts: Mapping[str, tuple[int, ...]]
    """Rows of each value, by fold."""

    sums: Mapping[str, tuple[float, ...]]
    """Sum of the target over the rows of each value, by fold."""

    all_counts: tuple[int, ...]
    """All rows, by fold."""

    all_sums: tuple[float, ...]
    """Sum of the target over all rows, by fold."""


def folds_of(table: pa.Table, columns: Sequence[str], num_folds: int) -> npt.NDArray[np.int64]:
    """The fold of each row, int64 [rows], by the hash of these columns and so independent of the row's block."""
    return (row_hashes(table, columns, seed=0) % np.uint64(num_folds)).astype(np.int64)


def target_mean_profile(
    column: pa.ChunkedArray, family: str, target: Floats, folds: npt.NDArray[np.int64], num_folds: int
) -> TargetMeanProfile:
    """The profile of values [rows] and their targets, float64 [rows] without NaN."""
    values: Any = column.cast(pa.string()).fill_null(MISSING).dictionary_encode().unify_dictionaries().combine_chunks()
    names: list[str] = values.dictionary.to_pylist()
    cells = values.indices.to_numpy().astype(np.int64) * num_folds + folds
    counts = np.bincount(cells, minlength=len(names) * num_folds).reshape(-1, num_folds)
    sums = np.bincount(cells, target, len(names) * num_folds).reshape(-1, num_folds)
    return _bounded(
        TargetMeanProfile(
            type=family,
            num_rows=len(column),
            num_null=column.null_count,
            counts=dict(zip(names, map(tuple, counts.tolist()), strict=True)),
            sums=dict(zip(names, map(tuple, sums.tolist()), strict=True)),
            all_counts=tuple(np.bincount(folds, minlength=num_folds).tolist()),
            all_sums=tuple(np.bincount(folds, target, num_folds).tolist()),
        )
    )


def merge_target_means(a: TargetMeanProfile, b: TargetMeanProfile) -> TargetMeanProfile:
    """The profile of both parts."""
    return _bounded(
        TargetMeanProfile(
            type=merged_type(a.type, b.type),
            num_rows=a.num_rows + b.num_rows,
            num_null=a.num_null + b.num_null,
            counts=_added(a.counts, b.counts),
            sums=_added(a.sums, b.sums),
            all_counts=_both(a.all_counts, b.all_counts),
            all_sums=_both(a.all_sums, b.all_sums),
        )
    )


def _added(a: Mapping[str, tuple[Any, ...]], b: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    return {**a, **{name: _both(a[name], found) if name in a else found for name, found in b.items()}}


def _both(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _bounded(found: TargetMeanProfile) -> TargetMeanProfile:
    """The profile with its values sorted, cut to the `MAX_DISTINCT` most frequent."""
    kept = sorted(found.counts)
    if len(kept) > statistics.MAX_DISTINCT:
        kept = sorted(sorted(kept, key=lambda name: -sum(found.counts[name]))[: statistics.MAX_DISTINCT])
    return TargetMeanProfile(
        type=found.type,
        num_rows=found.num_rows,
        num_null=found.num_null,
        counts={name: found.counts[name] for name in kept},
        sums={name: found.sums[name] for name in kept},
        all_counts=found.all_counts,
        all_sums=found.all_sums,
    )
