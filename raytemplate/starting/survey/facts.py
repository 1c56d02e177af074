"""What a first look says of each column: its profile, and what only a sample of its rows tells."""

from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.compute

from raytemplate.data.missing import null_where_missing
from raytemplate.data.profile.column import ColumnProfile

pc: Any = pyarrow.compute

_DAYS_OF_A_YEAR = 366


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnFacts(ColumnProfile):
    """One column.

    Args:
        share_distinct: different values by values, in a sample; 1 where each is another one.
        words: words of a text on average, in a sample.
        parts: parts of a time that differ between rows and come again: of month, weekday, hour, in a sample.
    """

    name: str
    share_distinct: float = 0.0
    words: float = 0.0
    parts: tuple[str, ...] = ()


def facts_of(name: str, profile: ColumnProfile, sample: Any) -> ColumnFacts:
    """All that is known of a column. `sample`: some of its rows."""
    there = null_where_missing(sample).drop_null()
    return ColumnFacts(
        name=name,
        **{field.name: getattr(profile, field.name) for field in fields(ColumnProfile)},
        share_distinct=len(there.unique()) / len(there) if len(there) else 0.0,
        words=_words(there) if profile.type == "text" else 0.0,
        parts=_parts(there, profile.min, profile.max) if profile.type == "time" and len(there) else (),
    )


def _parts(times: Any, low: Any, high: Any) -> tuple[str, ...]:
    tests = {"month": pc.month, "weekday": pc.day_of_week, "hour": pc.hour}
    times = times.cast(pa.timestamp("us"), safe=False)
    differ = [part for part, of in tests.items() if len(of(times).unique()) > 1]
    if len(pc.day(times).unique()) == 1:  # of months or years
        differ = [part for part in differ if part != "weekday"]
    return tuple(part for part in differ if part != "month" or (high - low).days > _DAYS_OF_A_YEAR)


def _words(texts: Any) -> float:
    return float(pc.mean(pc.count_substring(texts, " ")).as_py() or 0) + 1 if len(texts) else 0.0
