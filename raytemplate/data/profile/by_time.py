"""The target by time: rows and mean, or rows of each class, by day; by month or year if there are very many days."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute

from raytemplate.data.missing import null_where_missing
from raytemplate.data.times import EPOCH, MOST_BINS, utc_days
from raytemplate.records.profiled import Period

pc: Any = pyarrow.compute

_TARGET, _DAY = "target", "day"
MOST_CLASSES = 100
"""Most classes that are counted; with more, rows alone are."""


def by_time(times: Any, target: Any) -> Mapping[str, Period]:
    """Day -> its rows and their target.

    Args:
        times: timestamps or dates [rows]; rows without one are left out. None puts all rows under "".
        target: numbers, or the class of each row as text [rows].
    """
    days = utc_days(times).cast(pa.int32()) if times is not None else pa.nulls(len(target), pa.int32())
    values = null_where_missing(target)
    rows: Any = pa.table({_DAY: days, _TARGET: values})
    if times is not None:
        rows = rows.filter(pc.is_valid(rows.column(_DAY)))
    is_class = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    found = _classes(rows) if is_class else _means(rows)
    return merge_periods([{_name(day): period for day, period in found.items()}])


def merge_periods(parts: Sequence[Mapping[str, Period]]) -> Mapping[str, Period]:
    """The periods of all parts; at most `MOST_BINS` of them, as long as is needed for that, in their order."""
    grouped: dict[str, list[Period]] = {}
    for part in parts:
        for name, period in part.items():
            grouped.setdefault(name, []).append(period)
    length = min((len(name) for name in grouped), default=0)
    while len({name[:length] for name in grouped}) > MOST_BINS and length > 4:
        length = 7 if length > 7 else 4
    shorter: dict[str, list[Period]] = {}
    for name, periods in grouped.items():
        shorter.setdefault(name[:length], []).extend(periods)
    return {name: _sum(periods) for name, periods in sorted(shorter.items())}


def _sum(periods: Sequence[Period]) -> Period:
    if len(periods) == 1:
        return periods[0]
    classes = Counter[str]()
    for period in periods:
        classes.update(period.classes or {})
    few = len(classes) <= MOST_CLASSES and all(period.classes is not None for period in periods)
    return Period(
        num_rows=sum(period.num_rows for period in periods),
        num_known=sum(period.num_known for period in periods),
        total=sum(period.total for period in periods),
        classes=dict(sorted(classes.items())) if few else None,
    )


def _means(rows: Any) -> dict[int | None, Period]:
    numbers = rows.set_column(1, _TARGET, rows.column(_TARGET).cast(pa.float64(), safe=False))
    found = numbers.group_by(_DAY, use_threads=False).aggregate(
        [([], "count_all"), (_TARGET, "count"), (_TARGET, "sum")]
    )
    return {
        row[_DAY]: Period(num_rows=row["count_all"], num_known=row["target_count"], total=row["target_sum"] or 0.0)
        for row in found.to_pylist()
    }


def _classes(rows: Any) -> dict[int | None, Period]:
    found = rows.group_by([_DAY, _TARGET], use_threads=False).aggregate([([], "count_all")])
    counts: dict[int | None, Counter[str | None]] = {}
    for row in found.to_pylist():
        counts.setdefault(row[_DAY], Counter())[row[_TARGET]] += row["count_all"]
    return {
        day: Period(num_rows=sum(some.values()), classes={name: n for name, n in some.items() if name is not None})
        for day, some in counts.items()
    }


def _name(day: int | None) -> str:
    return "" if day is None else str(EPOCH.date() + timedelta(days=day))
