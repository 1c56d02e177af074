"""Windows for data with a time, as of the day after the newest label: weeks to a quarter, with enough days to judge."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from raytemplate.units import Span

LEAST_DAYS = 10
_UNITS = 10
"""Days with rows that a confidence interval needs."""
_MOST_SHARE = 1 / 6
_LEAST_TRAIN = 0.4
_LEAST_KEPT = 0.75
_MONTHLY, _YEARLY = 20.0, 300.0
_WEEKS = (13, 8, 6, 4, 3, 2)
_A_YEAR, _ALL = Span(12, "month"), Span(0, "all")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lengths:
    """Lengths of the windows, and how often to retrain."""

    validation: Span
    """Length of the validation window."""
    test: Span
    """Length of the test window."""
    num_rows: Mapping[str, int]
    """Window name -> rows in it."""
    cadence: Span
    """How often to retrain."""
    train: Span = _ALL
    """Length of the train window."""
    why: str = ""
    """What could not be achieved, as a comment; "" if nothing is missing."""
    label_delay: int = 0
    """Days from the newest row to the newest one whose target is known."""
    late: str = "set it if targets become known late"
    """Why this delay, as a comment."""


def lengths_of(
    labelled: Mapping[date, int], newest: date | None = None, known_after: tuple[int, str] = (0, "")
) -> Lengths | None:
    """Windows with rows in each of them; None if too few days have rows, or nearly all rows are at the end.

    Validation and test together hold at most a sixth of the rows if each then has ten days with rows. Otherwise they
    are as short as ten days allow, or have fewer days if train would be left with less than 40 % of the rows.

    Args:
        labelled: day -> rows with a target.
        newest: the newest day of all rows, if it differs.
        known_after: days after which the target of nearly every row is known, and the column that shows it.
    """
    newest, why = newest or max(labelled, default=date.min), "the newest rows have no target yet"
    days, column = known_after
    early = {day: rows for day, rows in labelled.items() if (newest - day).days >= days}
    if days > (newest - max(labelled, default=newest)).days and len(early) >= _LEAST_KEPT * len(labelled):
        labelled, why = early, f"{column} comes so long afterwards in 95 % of rows"
    if len(labelled) < LEAST_DAYS or max(labelled) == date.max:
        return None
    found = next((one for one in _tried(_Days(labelled)) if _leaves_enough(one)), None)
    delay = (newest - max(labelled)).days
    return replace(found, label_delay=delay, late=why if delay else found.late) if found else None


def last_year(lengths: Lengths, labelled: Mapping[date, int]) -> Lengths:
    """The same windows, with only a year to train on."""
    days = _Days(labelled)
    start = days.back(lengths.validation, days.back(lengths.test, days.end))
    rows = days.rows(days.back(_A_YEAR, start), start)
    return replace(lengths, train=_A_YEAR, num_rows={**lengths.num_rows, "train": rows})


def _leaves_enough(lengths: Lengths) -> bool:
    return lengths.num_rows["train"] > _LEAST_TRAIN * sum(lengths.num_rows.values())


def _tried(days: "_Days") -> Iterator[Lengths]:
    spans = [Span(3, "month")] if days.monthly else [Span(7 * weeks, "day") for weeks in _WEEKS]
    for span in spans:
        found = days.cut(span, span)
        if min(found.units.values()) >= _UNITS and days.share(found) <= _MOST_SHARE:
            yield found.lengths
    for units in range(_UNITS, 0, -1):
        test = days.span_of(units, days.end)
        found = days.cut(days.span_of(units, days.back(test, days.end)), test)
        why = f"{units} days with rows each: with fewer than {_UNITS}, a person decides about what passes"
        if units == _UNITS:
            why = f"{units} days with rows each, which an interval needs: more than a sixth of all rows"
        yield replace(found.lengths, why=why if units < _UNITS or days.share(found) > _MOST_SHARE else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cut:
    lengths: Lengths
    units: Mapping[str, int]


class _Days:
    """Days with rows, up to the end of the newest."""

    def __init__(self, rows: Mapping[date, int]) -> None:
        self._rows, self.oldest, self.end = rows, min(rows), max(rows) + timedelta(days=1)
        self.gap = (self.end - self.oldest).days / len(rows)
        self.monthly = self.gap > _MONTHLY

    def cut(self, validation: Span, test: Span) -> _Cut:
        test_start = self.back(test, self.end)
        start = self.back(validation, test_start)
        within = {"train": (date.min, start), "validation": (start, test_start), "test": (test_start, self.end)}
        rows = {name: self.rows(*ends) for name, ends in within.items()}
        units = {name: sum(low <= day < high for day in self._rows) for name, (low, high) in within.items()}
        del units["train"]
        return _Cut(
            lengths=Lengths(validation=validation, test=test, num_rows=rows, cadence=self._cadence(test)), units=units
        )

    def _cadence(self, test: Span) -> Span:
        """Long enough that each run is judged on days the one before has not seen; for sparse data, its own rhythm."""
        if self.monthly:
            return Span(max(1, round(self.gap / 30.4)), "month")
        return test if test.amount < 28 else Span(-(-test.amount // 31), "month")

    def share(self, cut: _Cut) -> float:
        rows = cut.lengths.num_rows
        return (rows["validation"] + rows["test"]) / sum(rows.values())

    def span_of(self, units: int, end: date) -> Span:
        """The shortest span before `end` that has rows on `units` days, or the whole span if there are fewer."""
        unit: Literal["month", "day"] = "month" if self.monthly else "day"
        before = sorted((day for day in self._rows if day < end), reverse=True)
        first, step = before[:units][-1] if before else self.oldest, 12 if self.gap > _YEARLY else 1
        span = Span(step, unit)
        while self.back(span, end) > first:
            span = Span(span.amount + step, unit)
        return span

    def back(self, span: Span, end: date) -> date:
        return span.back_from(datetime(end.year, end.month, end.day)).date()

    def rows(self, start: date, end: date) -> int:
        return sum(count for day, count in self._rows.items() if start <= day < end)
