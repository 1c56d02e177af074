"""Days far from all others are distinguished from old, rare and future data."""

from datetime import date, timedelta

import pytest

from raytemplate.starting.draft.far_days import FarDays, far_days

GOOD = {date(2024, 1, 1) + timedelta(days=n): 24 for n in range(120)}


@pytest.mark.parametrize(
    ("more", "before", "since"),
    [
        ({}, None, None),
        ({date(9999, 12, 31): 1}, None, date(2100, 1, 1)),
        ({date(1, 1, 1): 1}, date(1900, 1, 1), None),
        ({date(1, 1, 1): 1, date(9999, 12, 31): 7}, date(1900, 1, 1), date(2100, 1, 1)),
        ({date(1900, 1, 1): 3, date(2099, 12, 31): 1}, date(1901, 1, 1), date(2099, 1, 1)),
        ({date(1970, 1, 1): 100}, date(1971, 1, 1), None),
        ({date(2262, 4, 11): 1}, None, date(2100, 1, 1)),
        ({date(1970, 1, 1): 1_000}, None, None),
        ({date(2019, 1, 1): 1}, None, None),
        ({date(1880 + n, 1, 1): 1 for n in range(144)}, None, None),
    ],
    ids=["none", "never", "first", "both", "1900", "epoch", "pandas", "too-many", "near", "centuries"],
)
def test_few_rows_far_from_all_others_are_left_out(more, before, since):
    found = far_days(GOOD | more)
    assert (found.before, found.since) == (before, since)
    assert set(found.days) == (set(more) if before or since else set())


@pytest.mark.parametrize("rows", [{}, {date(9999, 12, 31): 5}, {date(1, 1, 1): 5, date(9999, 12, 31): 5}])
def test_without_others_no_day_is_far(rows):
    assert far_days(rows) == FarDays()
