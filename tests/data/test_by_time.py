"""The target by day: rows without a time are left out, rows without a target are counted."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from raytemplate.data.profile.by_time import by_time
from raytemplate.records.profiled import Period

TIMES = {
    "times": [datetime(2024, 1, day, 23, tzinfo=UTC) for day in (2, 1, 1)],
    "before 1970": [datetime(1969, 12, day, 23, tzinfo=UTC) for day in (31, 30, 30)],
    "dates": [date(2024, 1, 2), date(2024, 1, 1), date(2024, 1, 1)],
}


def column(values, kind=None):
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_numbers_are_counted_and_summed_by_day(times):
    found = by_time(column([*times, None]), column([1.5, float("nan"), 2.0, 9.0]))
    last, first = str(times[0])[:10], str(times[1])[:10]
    assert list(found) == [first, last]
    assert found[first] == Period(num_rows=2, num_known=1, total=2.0)
    assert found[last] == Period(num_rows=1, num_known=1, total=1.5)


def test_classes_are_counted_by_day():
    found = by_time(column([*TIMES["times"], None]), column(["a", "b", " ", "a"]))
    assert found["2024-01-01"] == Period(num_rows=2, classes={"b": 1})
    assert found["2024-01-02"] == Period(num_rows=1, classes={"a": 1})


def test_without_times_all_rows_are_one_period():
    assert by_time(None, column([1, None, 3])) == {"": Period(num_rows=3, num_known=2, total=4.0)}
    assert by_time(None, column(["a", "a"])) == {"": Period(num_rows=2, classes={"a": 2})}
    assert by_time(None, column([], pa.float64())) == {} == by_time(column([], pa.date32()), column([], pa.string()))
