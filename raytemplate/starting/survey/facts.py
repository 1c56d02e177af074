"""What a first look tells about each column: its profile, and what is known from a sample of its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute

from raytemplate.data.missing import null_where_missing
from raytemplate.data.profile.column import ColumnProfile, Limit, Value, few_values

pc: Any = pyarrow.compute

MOST_VALUES = 1_000
"""Most distinct values of a column that a draft looks at one by one."""
_DAYS_OF_A_YEAR = 366


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnFacts:
    """One column."""

    name: str
    """The column's name."""
    type: str
    """As in `ColumnProfile`."""
    num_rows: int
    """All rows."""
    num_null: int
    """Rows without a value."""
    whole: bool = False
    """Whether every number is whole, as in `ColumnProfile`."""
    min: Limit | None = None
    """Least number or oldest time; None for other types."""
    max: Limit | None = None
    """Greatest number or newest time; None for other types."""
    values: Mapping[Value, int] | None = None
    """Rows of each value; None if there are more than `MOST_VALUES`, and for times."""
    share_distinct: float = 0.0
    """Distinct values divided by values, in a sample; 1 if all values differ."""
    words: float = 0.0
    """Average number of words in a text, in a sample."""
    parts: tuple[str, ...] = ()
    """Parts of a time that vary between rows and recur, out of month, weekday and hour, in a sample."""
    unmasked: str = ""
    """The contract's word for its type in the data, if it is masked: no value of it may be shown; else ""."""

    @property
    def range(self) -> tuple[int | float, int | float] | None:
        """The least and the greatest number; None if there are no numbers."""
        low, high = self.min, self.max
        return (low, high) if isinstance(low, int | float) and isinstance(high, int | float) else None


def facts_of(name: str, profile: ColumnProfile, sample: Any, unmasked: str = "") -> ColumnFacts:
    """Everything known about a column. `sample` holds some of its rows."""
    there = null_where_missing(sample).drop_null()
    return ColumnFacts(
        name=name,
        type=profile.type,
        num_rows=profile.num_rows,
        num_null=profile.num_null,
        whole=profile.whole,
        min=profile.min,
        max=profile.max,
        values=few_values(profile, MOST_VALUES),
        share_distinct=len(there.unique()) / len(there) if len(there) else 0.0,
        words=_words(there) if profile.type == "text" else 0.0,
        parts=_parts(there, profile.min, profile.max) if profile.type == "time" and len(there) else (),
        unmasked=unmasked,
    )


def _parts(times: Any, low: Any, high: Any) -> tuple[str, ...]:
    tests = {"month": pc.month, "weekday": pc.day_of_week, "hour": pc.hour}
    times = times.cast(pa.timestamp("us"), safe=False)
    differ = [part for part, of in tests.items() if len(of(times).unique()) > 1]
    if len(pc.day(times).unique()) == 1:  # the times are months or years
        differ = [part for part in differ if part != "weekday"]
    return tuple(part for part in differ if part != "month" or (high - low).days > _DAYS_OF_A_YEAR)


def _words(texts: Any) -> float:
    return float(pc.mean(pc.count_substring(texts, " ")).as_py() or 0) + 1 if len(texts) else 0.0
