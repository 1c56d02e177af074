"""How long the windows of a first template are, and what it tells if they cannot be as long as they should."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from raytemplate.starting.draft.windows import lengths_of

START = date(2020, 1, 1)


def every(gap, count, rows=10):
    return {START + timedelta(days=gap * number): rows for number in range(count)}


def months(step, count):
    return {date(2000 + step * n // 12, 1 + step * n % 12, 1): 10 for n in range(count)}


LENGTHS = {
    "five years of days": (every(1, 1826), "91d", "91d", "3 months", ""),
    "one year of days": (every(1, 365), "28d", "28d", "1 month", ""),
    "half a year of days": (every(1, 182), "14d", "14d", "14d", ""),
    "five years of weeks": (every(7, 260), "91d", "91d", "3 months", ""),
    "ten years of months": (months(1, 120), "10 months", "10 months", "1 month", ""),
    "sixty days": (every(1, 60), "10d", "10d", "10d", "10 days with rows each, which an interval needs"),
    "thirty days": (every(1, 30), "8d", "8d", "8d", "8 days with rows each: with fewer"),
    "thirty years": (months(12, 30), "96 months", "96 months", "12 months", "8 days with rows each: with fewer"),
}  # fmt: skip


@pytest.mark.parametrize(("days", "validation", "test", "cadence", "why"), LENGTHS.values(), ids=LENGTHS)
def test_windows_are_weeks_to_a_quarter_and_hold_ten_days_where_they_can(days, validation, test, cadence, why):
    found = lengths_of(days)
    assert found is not None
    assert (str(found.validation), str(found.test), str(found.cadence)) == (validation, test, cadence)
    assert found.why.startswith(why) and bool(found.why) == bool(why)


@pytest.mark.parametrize("count", [10, 25, 50, 100, 200, 500, 1000, 3000])
def test_validation_and_test_are_a_sixth_at_most_or_it_is_said(count):
    found = lengths_of(every(1, count))
    assert found is not None
    rows = found.num_rows
    assert bool(found.why) == (rows["validation"] + rows["test"] > sum(rows.values()) / 6)
    assert rows["train"] > 0.4 * sum(rows.values())


def test_the_newest_rows_without_a_target_are_the_label_delay():
    days = every(1, 365)
    found = lengths_of(days, max(days) + timedelta(days=30))
    assert found is not None and found.label_delay == 30


def test_there_are_no_windows_for_a_few_days():
    assert lengths_of(every(1, 9)) is None


def test_windows_end_before_what_is_known_only_later():
    found = lengths_of(every(1, 365), known_after=(12, "closed"))
    assert found is not None
    assert (found.label_delay, found.late) == (12, "closed comes so long afterwards in 95 % of rows")
    assert found.num_rows["test"] == 280


def test_a_delay_that_would_take_most_rows_is_not_proposed():
    found = lengths_of(every(1, 365), known_after=(300, "closed"))
    assert found is not None and found.label_delay == 0
