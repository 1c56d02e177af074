"""Days far from all others, such as 9999-12-31 and 0001-01-01: the way many systems write an unknown date."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

_MOST_OF_ROWS = 0.05
_LEAST_GAP = timedelta(days=3_653)
_OLD, _FAR = date(1900, 1, 1), date(2100, 1, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class FarDays:
    """Days that are dropped."""

    days: tuple[date, ...] = ()
    """The days themselves."""
    before: date | None = None
    """Everything before this day is dropped; None for no bound."""
    since: date | None = None
    """Everything from this day on is dropped; None for no bound."""


def far_days(rows: Mapping[date, int]) -> FarDays:
    """Days with few rows that are ten years or more from the others, and farther away than the others span.

    Args:
        rows: day -> number of rows.
    """
    days = sorted(rows)
    below = [0, *accumulate(rows[day] for day in days)]
    allowed, first, last, before = _MOST_OF_ROWS * below[-1], 0, len(days), None
    while before != (first, last):
        before = first, last
        for at in range(first + 1, last):
            gap = days[at] - days[at - 1]
            if gap < _LEAST_GAP:
                continue
            if below[at] - below[first] <= allowed and gap > days[last - 1] - days[at]:
                first = at
                break
            if below[last] - below[at] <= allowed and gap > days[at - 1] - days[first]:
                last = at
                break
    kept = days[first:last]
    return FarDays(
        days=(*days[:first], *days[last:]),
        before=_before(days[first - 1], kept[0]) if first else None,
        since=_since(kept[-1], days[last]) if last < len(days) else None,
    )


def _before(far: date, oldest: date) -> date:
    return _OLD if far < _OLD <= oldest else date(far.year + 1, 1, 1)


def _since(newest: date, far: date) -> date:
    return _FAR if newest < _FAR <= far else date(far.year, 1, 1)
