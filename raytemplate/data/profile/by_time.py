"""The target by time: rows and mean, or rows of each class, by day; by month or year if there are very many days."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.missing import null_where_missing
from raytemplate.data.statistics import to_floats
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
    values: Any = null_where_missing(target)
    if times is not None and times.null_count:
        there = pc.is_valid(times)
        times, values = times.filter(there), values.filter(there)
    is_class = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    days = utc_days(times).cast(pa.int32()).to_numpy() if times is not None else np.zeros(len(values), np.int32)
    found = _classes(days, values) if is_class else _means(days, to_floats(values))
    return merge_periods([{_name(day) if times is not None else "": period for day, period in found.items()}])


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


def _means(days: NDArray[np.int32], targets: NDArray[np.float64]) -> dict[int, Period]:
    different, at = np.unique(days, return_inverse=True)
    known = ~np.isnan(targets)
    rows, num_known = np.bincount(at), np.bincount(at, known)
    totals = np.bincount(at, np.where(known, targets, 0.0))
    return {
        day: Period(num_rows=n, num_known=int(k), total=total)
        for day, n, k, total in zip(different.tolist(), rows.tolist(), num_known.tolist(), totals.tolist(), strict=True)
    }


def _classes(days: NDArray[np.int32], targets: Any) -> dict[int, Period]:
    rows: Any = pa.table({_DAY: days, _TARGET: targets})
    found = rows.group_by([_DAY, _TARGET], use_threads=False).aggregate([([], "count_all")])
    counts: dict[int, Counter[str | None]] = {}
    for row in found.to_pylist():
        counts.setdefault(row[_DAY], Counter())[row[_TARGET]] += row["count_all"]
    return {
        day: Period(num_rows=sum(some.values()), classes={name: n for name, n in some.items() if name is not None})
        for day, some in counts.items()
    }


def _name(day: int) -> str:
    return str(EPOCH.date() + timedelta(days=day))
