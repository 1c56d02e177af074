"""Stretches: the parts of a file that are profiled apart, so that each lies wholly inside one window.

A stretch ends where a window does; in a file of several months also where a month does, so that windows that move on
can be put together from stretches that were profiled before. (One profile a day would serve any window, but with a few
thousand rows a day it is as large as the rows, and merging takes as long as profiling them.)
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from raytemplate.data.sources.listing import SourceFile

_DAY = timedelta(days=1)
_AFTER_YEAR = "%m%dT%H%M%S.%f"
_DAYS_AT_ONCE, _MOST_DAYS = 62, 20_000
"""Days of a file from which on, and up to which, it is cut by months."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A half-open stretch of time, or a side of a split by hash."""

    start: datetime
    """First moment; `datetime.min` for a side."""

    end: datetime
    """First moment after it; `datetime.max` for a side."""

    side: str = ""
    """The side of a split that it is; "" for a stretch of time."""

    @property
    def name(self) -> str:
        """A name for a file."""
        return self.side or f"{_written(self.start)}-{_written(self.end)}"


def side(name: str) -> Stretch:
    """A side of a split by hash, or all rows."""
    return Stretch(start=datetime.min, end=datetime.max, side=name)


def days_of(file: SourceFile) -> tuple[datetime, datetime] | None:
    """From the first to the last day of a file's rows, its end excluded; None if the listing does not tell."""
    lows = [one.time_min for one in file.slices if one.num_rows]
    highs = [one.time_max for one in file.slices if one.num_rows]
    if not lows or None in lows or None in highs:
        return None
    try:
        return _midnight(min(low for low in lows if low)), _midnight(max(high for high in highs if high)) + _DAY
    except OverflowError:  # the last day of the year 9999
        return None


def tiles(file: SourceFile, start: datetime, end: datetime, known: Collection[Stretch]) -> tuple[Stretch, ...]:
    """Stretches that follow each other and cover all rows of a file between two moments: those known as far as they
    fit, the longest first."""
    days = days_of(file)
    months = False
    if days is not None:
        start, end = max(start, days[0]), min(end, days[1])
        months = _DAYS_AT_ONCE < (days[1] - days[0]).days < _MOST_DAYS
    starts = sorted({one.start for one in known if start < one.start < end})
    found: list[Stretch] = []
    while start < end:
        fitting = [one for one in known if one.start == start and one.end <= end]
        stops = [end, *(one for one in starts if one > start), *([_next_month(start)] if months else [])]
        found.append(max(fitting, key=lambda one: one.end) if fitting else Stretch(start=start, end=min(stops)))
        start = found[-1].end
    return tuple(found)


def known_in(names: Sequence[str]) -> tuple[Stretch, ...]:
    """The stretches of time that file names stand for; other names are ignored."""
    return tuple(one for one in map(_named, names) if one is not None)


def _named(name: str) -> Stretch | None:
    start, _, end = name.partition("-")
    try:
        return Stretch(start=_moment(start), end=_moment(end))
    except ValueError:
        return None


def _written(moment: datetime) -> str:
    return f"{moment.year:04}{moment.strftime(_AFTER_YEAR)}"


def _moment(text: str) -> datetime:
    return datetime.strptime(f"{text}+0000", f"%Y{_AFTER_YEAR}%z")


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _next_month(moment: datetime) -> datetime:
    return _midnight(_midnight(moment).replace(day=1) + timedelta(days=32)).replace(day=1)
