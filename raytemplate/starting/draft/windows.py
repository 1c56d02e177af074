"""Windows for data with a time: so long that each has its share of the rows, as of the day after the newest."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from raytemplate.units import Span

LEAST_DAYS = 10
_TEST, _VALIDATION = 0.15, 0.10
_LEAST_TRAIN = 0.4
_MONTHLY = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Lengths:
    """Of the validation and the test window, with the rows that lie in each."""

    validation: Span
    test: Span
    num_rows: Mapping[str, int]


def lengths_of(days: Mapping[date, int]) -> Lengths | None:
    """Windows with rows in each of them; None where there are too few days with rows, or nearly all lie at the end.

    Args:
        days: day -> rows.
    """
    if len(days) < LEAST_DAYS:
        return None
    if max(days) == date.max:
        return None
    total, end = sum(days.values()), max(days) + timedelta(days=1)
    monthly = (end - min(days)).days / len(days) > _MONTHLY
    test = _length(days, end, _TEST * total, monthly)
    test_start = _back(test, end)
    validation = _length(days, test_start, _VALIDATION * total, monthly)
    start = _back(validation, test_start)
    rows = {
        "train": _rows(days, date.min, start), "validation": _rows(days, start, test_start),
        "test": _rows(days, test_start, end),
    }  # fmt: skip
    return Lengths(validation=validation, test=test, num_rows=rows) if rows["train"] > _LEAST_TRAIN * total else None


def _length(days: Mapping[date, int], end: date, wanted: float, monthly: bool) -> Span:
    """The shortest time before `end` with so many rows: days up to a week, then whole weeks; months for sparse days."""
    amount, step, unit = 1, 1, "day"
    if monthly:
        unit = "month"
    oldest = min(days)
    while True:
        span = Span(amount, unit)  # type: ignore[arg-type]
        start = _back(span, end)
        if _rows(days, start, end) >= wanted or start <= oldest:
            return span
        if unit == "day" and amount >= 7:
            step = 7
        amount += step


def _back(span: Span, end: date) -> date:
    from datetime import datetime

    return span.back_from(datetime(end.year, end.month, end.day)).date()


def _rows(days: Mapping[date, int], start: date, end: date) -> int:
    return sum(count for day, count in days.items() if start <= day < end)
