"""The profile of a raw column: computed from some of its rows and merged with the profiles of the others.

Memory is bounded whatever the number of rows, and merging is associative and order-free to the bit.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute

from raytemplate.data.missing import null_where_missing
from raytemplate.data.sources.as_read import word_of
from raytemplate.data.statistics import merged_type
from raytemplate.data.times import time_range

pc: Any = pyarrow.compute

MOST_VALUES = 1_000
"""Most distinct values of a column that are counted; with more, none are."""

Value = str | bool | int | float
Limit = int | float | datetime


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

    values: Mapping[Value, int] | None = None
    """Rows of each value; None if there are more than `MOST_VALUES`, and for times."""

    @property
    def range(self) -> tuple[int | float, int | float] | None:
        """The least and the greatest number; None if there are no numbers."""
        low, high = self.min, self.max
        return (low, high) if isinstance(low, int | float) and isinstance(high, int | float) else None


def column_profile(column: pa.ChunkedArray) -> ColumnProfile:
    """The profile of values [rows].

    Raises:
        DataError: a time is outside the years 1 to 9999.
    """
    column = null_where_missing(column)
    kind = str(column.type)
    there, word = column.drop_null(), word_of(kind) or ("null" if kind == "null" else "other")
    low, high = _limits(there, word)
    fractions = word == "number" and pc.all(pc.equal(there, pc.floor(there))).as_py() is False
    return ColumnProfile(
        type=word,
        num_rows=len(column),
        num_null=len(column) - len(there),
        min=low,
        max=high,
        whole=word in ("integer", "number", "null") and not fractions,
        values=None if word in ("time", "other") else _counted(there),
    )


def merge(a: ColumnProfile, b: ColumnProfile) -> ColumnProfile:
    """The profile of both parts.

    Raises:
        DataError: the parts have different types.
    """
    return ColumnProfile(
        type=merged_type(a.type, b.type),
        num_rows=a.num_rows + b.num_rows,
        num_null=a.num_null + b.num_null,
        whole=a.whole and b.whole,
        min=min((limit for limit in (a.min, b.min) if limit is not None), default=None),
        max=max((limit for limit in (a.max, b.max) if limit is not None), default=None),
        values=None if a.values is None or b.values is None else _few(Counter(a.values) + Counter(b.values)),
    )


NOTHING = ColumnProfile(type="null", num_rows=0, num_null=0, whole=True, values={})
"""The profile of no rows: merging it with another gives the other."""


def _limits(there: Any, word: str) -> tuple[Limit | None, Limit | None]:
    if word == "time":
        return time_range(there)
    if word not in ("number", "integer") or not len(there):
        return None, None
    both = pc.min_max(there).as_py()
    return _exactly(both["min"]), _exactly(both["max"])


def _counted(there: Any) -> Mapping[Value, int] | None:
    if len(there.slice(0, 4 * MOST_VALUES).unique()) > MOST_VALUES:  # spares ids and measures the slow full count
        return None
    found = pc.value_counts(there)
    if len(found) > MOST_VALUES:
        return None
    counts = {one["values"]: one["counts"] for one in found.to_pylist()}
    return {v if isinstance(v, str | bool | int) else _exactly(v): count for v, count in counts.items()}


def _few(values: Mapping[Value, int]) -> Mapping[Value, int] | None:
    return values if len(values) <= MOST_VALUES else None


def _exactly(value: Any) -> int | float:
    """A number as a float if that is equal, else as int, so that long account numbers keep all their digits."""
    return float(value) if float(value) == value or value != int(value) else int(value)
