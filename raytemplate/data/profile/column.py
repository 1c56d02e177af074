"""The profile of a raw column: computed from some of its rows and merged with the profiles of the others.

Every value is counted up to 100,000 distinct ones. Mean, quantiles, distinct and most frequent values are computed
from these counts on demand. Past that a `Sketch` replaces them. Whether it does depends only on the set of values, so
merging is associative and order-free: to the bit, except for the mean and the deviation of a sketch (relative error
1e-9) and for how far its most frequent values are undercounted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from raytemplate.data.profile.counts import LONGEST, Counts, most_frequent, shortened
from raytemplate.data.profile.sketch import Sketch, merge_sketches, sketch_of
from raytemplate.data.sources.as_read import word_of
from raytemplate.data.statistics import merged_type, plain
from raytemplate.data.times import time_range

pc: Any = pyarrow.compute

MOST_COUNTED = 100_000
"""Most distinct values of a column that are all counted."""

MOST_FREQUENT = 1_000
"""Most values that are still counted once there are more than `MOST_COUNTED`."""

_FEW = 32
Value = str | bool | int | float
Limit = int | float | datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Lengths:
    """Lengths of texts, in characters."""

    min: int
    """Shortest."""

    max: int
    """Longest."""

    total: int
    """All rows together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnProfile:
    """The profile of some rows of a column."""

    type: str
    """The type as `contract.columns` names it; "null" if no row has a value, "other" for types without a name there."""

    num_rows: int
    """All rows."""

    num_null: int
    """Rows without a value."""

    whole: bool = False
    """Whether every number is whole, whatever the type: pandas writes 3 as 3.0 if a value in the column is missing."""

    min: Limit | None = None
    """Least number or oldest time, None for other types. A whole number is an int only if no float equals it."""

    max: Limit | None = None
    """Greatest number or newest time, as `min`."""

    lengths: Lengths | None = None
    """Lengths of texts; None for other types, and if there are none."""

    counts: Counts = field(default_factory=Counts)
    """Rows of each value; with a sketch only of the most frequent ones. Empty for the type "other"."""

    sketch: Sketch | None = None
    """What is known of all values if there are more than `MOST_COUNTED`; else None."""

    @property
    def num_values(self) -> int:
        """Rows with a value."""
        return self.num_rows - self.num_null

    @property
    def num_distinct(self) -> int:
        """Distinct values: exact without a sketch, else within 2 %."""
        return len(self.counts) if self.sketch is None else self.sketch.num_distinct


NOTHING = ColumnProfile(type="null", num_rows=0, num_null=0, whole=True)
"""The profile of no rows: merging it with another gives the other."""


def column_profile(column: pa.ChunkedArray) -> ColumnProfile:
    """The profile of values [rows].

    Raises:
        DataError: a time is outside the years 1 to 9999.
    """
    values = plain(column)
    kind = str(values.type)
    word = word_of(kind) or ("null" if kind == "null" else "other")
    if word in ("null", "other"):
        return ColumnProfile(type=word, num_rows=len(values), num_null=values.null_count, whole=word == "null")
    limits = time_range(values) if word == "time" else (None, None)
    counts = Counts.of(values)
    num_values, lengths, sketch = int(counts.weights.sum()), None, None
    is_number = word in ("number", "integer")
    whole = word == "integer" or (word == "number" and _is_whole(counts.values))
    if is_number and num_values:
        limits = exactly(counts.values[0].as_py()), exactly(counts.values[-1].as_py())
    if word == "text" and num_values:
        lengths = _lengths(counts)
        counts = shortened(counts) if lengths.max > LONGEST else counts
    if len(counts) > MOST_COUNTED:
        sketch, counts = _sketched(counts)
    return ColumnProfile(
        type=word,
        num_rows=len(values),
        num_null=len(values) - num_values,
        min=limits[0],
        max=limits[1],
        whole=whole,
        lengths=lengths,
        counts=counts,
        sketch=sketch,
    )


def merge(*parts: ColumnProfile) -> ColumnProfile:
    """The profile of all parts.

    Raises:
        DataError: the parts have different types.
    """
    kind = reduce(merged_type, (part.type for part in parts))
    counts = Counts.sum([part.counts for part in parts])
    sketch = None
    if len(counts) > MOST_COUNTED or any(part.sketch for part in parts):
        sketches = [part.sketch or sketch_of(part.counts) for part in parts if part.sketch or len(part.counts)]
        counts, lost = most_frequent(counts, MOST_FREQUENT)
        sketch = merge_sketches(sketches, lost)
    lengths = [part.lengths for part in parts if part.lengths]
    return ColumnProfile(
        type=kind,
        num_rows=sum(part.num_rows for part in parts),
        num_null=sum(part.num_null for part in parts),
        whole=all(part.whole for part in parts),
        min=min((part.min for part in parts if part.min is not None), default=None),
        max=max((part.max for part in parts if part.max is not None), default=None),
        lengths=_merged_lengths(lengths) if lengths else None,
        counts=counts,
        sketch=sketch,
    )


def few_values(profile: ColumnProfile, most: int) -> Mapping[Value, int] | None:
    """Rows of each value, rarest types of values included; None for times, and if there are more than `most` values."""
    if profile.sketch is not None or len(profile.counts) > most or profile.type in ("time", "other"):
        return None
    values: Sequence[Any] = profile.counts.values.to_pylist()
    found = (v if isinstance(v, str | bool) else exactly(v) for v in values)
    return dict(zip(found, profile.counts.rows.to_pylist(), strict=True))


def exactly(value: Any) -> int | float:
    """A number as a float if that is equal, else as int, so that long account numbers keep all their digits."""
    return float(value) if float(value) == value or value != int(value) else int(value)


def _sketched(counts: Counts) -> tuple[Sketch, Counts]:
    frequent, lost = most_frequent(counts, MOST_FREQUENT)
    return merge_sketches([sketch_of(counts)], lost), frequent


def _is_whole(numbers: Any) -> bool:
    return all(  # a few numbers tell it of most columns
        not len(some) or pc.all(pc.equal(some, pc.floor(some))).as_py() is not False
        for some in (numbers.slice(0, _FEW), numbers.slice(_FEW))
    )


def _lengths(counts: Counts) -> Lengths:
    found = pc.utf8_length(counts.values).to_numpy(zero_copy_only=False).astype(np.int64)
    return Lengths(min=int(found.min()), max=int(found.max()), total=int(found @ counts.weights))


def _merged_lengths(parts: Sequence[Lengths]) -> Lengths:
    return Lengths(
        min=min(part.min for part in parts), max=max(part.max for part in parts), total=sum(p.total for p in parts)
    )
