"""Mergeable statistics of one column: those of two parts give those of the whole."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from raytemplate.data.exact import to_float64
from raytemplate.data.times import time_range
from raytemplate.errors import DataError

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

MAX_DISTINCT = 100_000
"""Most distinct values of a category that are counted at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberProfile:
    """A column of numbers."""

    type: str
    """Family of the column's Arrow type, such as "number"."""

    num_rows: int
    """All rows."""

    num_null: int
    """Rows without a value; NaN counts as null."""

    num_nonfinite: int
    """Rows with an infinite number."""

    mean: float
    """Mean of the finite values; 0 if there are none."""

    m2: float
    """Sum of the squared deviations of the finite values from their mean; 0 if there are none."""

    min: float
    """Least finite value; inf if there are none."""

    max: float
    """Greatest finite value; -inf if there are none."""

    @property
    def num_finite(self) -> int:
        """Number of finite values, to which mean and deviation apply."""
        return self.num_rows - self.num_null - self.num_nonfinite

    @property
    def deviation(self) -> float:
        """Standard deviation (population); 0 if all values are the same or there are none."""
        if self.num_finite == 0 or self.min == self.max:
            return 0.0
        return math.sqrt(self.m2 / self.num_finite)


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryProfile:
    """A column of categories. Past 100,000 distinct values the rarest are dropped by the rule of `_bounded`."""

    type: str
    """Family of the column's Arrow type, such as "text"."""

    num_rows: int
    """All rows."""

    num_null: int
    """Rows without a value."""

    counts: Mapping[str, int]
    """Rows of each value, the value as text."""

    max_undercount: int = 0
    """By how much a count may be too low, and how often a value without a count may have occurred. Counts are exact
    while it is 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeProfile:
    """A column of times, in UTC."""

    type: str
    """Family of the column's Arrow type, such as "time"."""

    num_rows: int
    """All rows."""

    num_null: int
    """Rows without a time."""

    min: datetime | None
    """Oldest time; None if there is no time at all."""

    max: datetime | None
    """Newest time; None if there is no time at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PresenceProfile:
    """A column of which only the number of missing values matters."""

    type: str
    """Family of the column's Arrow type."""

    num_rows: int
    """All rows."""

    num_null: int
    """Rows without a value."""


def to_floats(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Numbers or booleans as float64 [rows]; null becomes NaN. May be read-only."""
    numbers: Any = column if pa.types.is_float64(column.type) else to_float64(column)
    return numbers.to_numpy()


def number_profile(column: pa.ChunkedArray, family: str) -> NumberProfile:
    """The profile of numbers [rows]; the same however they are chunked."""
    values = to_floats(column)
    num_null = int(np.isnan(values).sum())
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        mean = float(finite.mean()) if finite.size else 0.0
        m2 = float(np.square(finite - mean).sum())
    return NumberProfile(
        type=family,
        num_rows=values.size,
        num_null=num_null,
        num_nonfinite=values.size - num_null - finite.size,
        mean=mean,
        m2=m2,
        min=float(finite.min()) if finite.size else math.inf,
        max=float(finite.max()) if finite.size else -math.inf,
    )


def category_profile(column: pa.ChunkedArray, family: str) -> CategoryProfile:
    """The profile of values [rows], which are text, whole numbers or booleans, plain or dictionary-encoded."""
    counted: Any = pc.value_counts(plain(column).drop_null())
    texts = counted.field("values").cast(pa.string()).to_pylist()
    counts: dict[str, int] = dict(zip(texts, counted.field("counts").to_pylist(), strict=True))
    kept, lost = _bounded(counts)
    num_rows = len(column)
    return CategoryProfile(
        type=family, num_rows=num_rows, num_null=num_rows - sum(counts.values()), counts=kept, max_undercount=lost
    )


def terms_profile(column: pa.ChunkedArray, family: str) -> CategoryProfile:
    """The profile of lists of distinct terms [rows]: how many rows contain each term."""
    whole: Any = column
    counted = category_profile(pc.list_flatten(whole), family)
    return CategoryProfile(
        type=family,
        num_rows=len(column),
        num_null=column.null_count,
        counts=counted.counts,
        max_undercount=counted.max_undercount,
    )


def time_profile(column: pa.ChunkedArray, family: str) -> TimeProfile:
    """The profile of timestamps or dates [rows]."""
    low, high = (None, None) if pa.types.is_null(column.type) else time_range(column)
    return TimeProfile(type=family, num_rows=len(column), num_null=column.null_count, min=low, max=high)


def presence_profile(column: pa.ChunkedArray, family: str) -> PresenceProfile:
    """The profile of any values [rows]."""
    return PresenceProfile(type=family, num_rows=len(column), num_null=column.null_count)


READ_AS = {pa.string_view(): pa.large_string(), pa.float16(): pa.float32()}
"""Types that Arrow's functions do not support, and for each an equivalent type that they do."""


def plain(column: pa.ChunkedArray) -> Any:
    """The column with dictionary codes replaced by their values, in a type that Arrow's functions support."""
    kind: Any = column.type
    if not pa.types.is_dictionary(kind):
        return column.cast(READ_AS[kind]) if kind in READ_AS else column
    if (other := READ_AS.get(kind.value_type)) is not None:
        column = column.cast(pa.dictionary(kind.index_type, other))
    return column.cast(other or kind.value_type)


def merge_numbers(a: NumberProfile, b: NumberProfile) -> NumberProfile:
    """The profile of both parts; mean and m2 by the pairwise update of Chan, Golub and LeVeque (1979), equations 2.1.

    Merging is associative and order-free up to rounding; exactly so for counts, min and max.
    """
    n = a.num_finite + b.num_finite
    share = b.num_finite / n if n else 0.0
    step = b.mean - a.mean
    return NumberProfile(
        type=merged_type(a.type, b.type),
        num_rows=a.num_rows + b.num_rows,
        num_null=a.num_null + b.num_null,
        num_nonfinite=a.num_nonfinite + b.num_nonfinite,
        mean=a.mean + step * share,
        m2=a.m2 + b.m2 + step * step * a.num_finite * share,
        min=min(a.min, b.min),
        max=max(a.max, b.max),
    )


def merge_categories(a: CategoryProfile, b: CategoryProfile) -> CategoryProfile:
    """The profile of both parts; exact and order-free up to 100,000 distinct values."""
    counts = dict(a.counts)
    for value, count in b.counts.items():
        counts[value] = counts.get(value, 0) + count
    kept, lost = _bounded(counts)
    return CategoryProfile(
        type=merged_type(a.type, b.type),
        num_rows=a.num_rows + b.num_rows,
        num_null=a.num_null + b.num_null,
        counts=kept,
        max_undercount=a.max_undercount + b.max_undercount + lost,
    )


def merge_times(a: TimeProfile, b: TimeProfile) -> TimeProfile:
    """The profile of both parts."""
    return TimeProfile(
        type=merged_type(a.type, b.type),
        num_rows=a.num_rows + b.num_rows,
        num_null=a.num_null + b.num_null,
        min=min((m for m in (a.min, b.min) if m), default=None),
        max=max((m for m in (a.max, b.max) if m), default=None),
    )


def merge_presence(a: PresenceProfile, b: PresenceProfile) -> PresenceProfile:
    """The profile of both parts."""
    return PresenceProfile(
        type=merged_type(a.type, b.type), num_rows=a.num_rows + b.num_rows, num_null=a.num_null + b.num_null
    )


def merged_type(a: str, b: str) -> str:
    """The family of both parts; a part that is all null takes the other's."""
    if a != b and "null" not in (a, b):
        raise DataError(f"a column is {a} in one part of the data and {b} in another; give it one type")
    return b if a == "null" else a


def _bounded(counts: dict[str, int]) -> tuple[Mapping[str, int], int]:
    """At most `MAX_DISTINCT` counts, sorted by value, and by how much they are now too low.

    The rule of Misra and Gries (1982), whose bound survives merging (Agarwal et al., Mergeable Summaries, 2012): the
    largest count that does not fit is subtracted from all counts, and those that are no longer positive are dropped.
    Summed over all merges the loss is at most num_rows / (MAX_DISTINCT + 1).
    """
    if len(counts) <= MAX_DISTINCT:
        return dict(sorted(counts.items())), 0
    lost = sorted(counts.values(), reverse=True)[MAX_DISTINCT]
    return {value: count - lost for value, count in sorted(counts.items()) if count > lost}, lost
