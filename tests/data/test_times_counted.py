"""Rows by day, and the times that remain after `data.drop`."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_text_files import listed

from raytemplate.data import times
from raytemplate.data.kept_times import without_dropped
from raytemplate.data.sources.listing import TimeBin
from raytemplate.data.sources.reader import list_files
from raytemplate.data.sources.source import ListOrder
from raytemplate.errors import DataError
from raytemplate.planning.moments import most_inside, overlaps, rows_inside
from raytemplate.starting.survey.survey import Asked, survey

MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))
KINDS = [
    pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.timestamp("s"), pa.date32(), pa.timestamp("us", "Asia/Tokyo"),
    pa.timestamp("ms", "America/New_York"),
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(MOMENTS | st.none(), max_size=40), st.sampled_from(KINDS))
def test_rows_by_day_are_those_of_python(moments, kind):
    found = times.rows_by_time(pa.chunked_array([pa.array(moments, pa.timestamp("us")).cast(kind, safe=False)]))
    assert found == Counter(moment.date().isoformat() for moment in moments if moment)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-(2**62), 2**62) | st.none(), min_size=1, max_size=9),
    st.sampled_from(["UTC", "Asia/Tokyo", None]),
)
def test_moments_are_in_utc_to_the_microsecond_though_a_column_has_nanoseconds(ticks, zone):
    column = pa.chunked_array([pa.array(ticks, pa.int64()).cast(pa.timestamp("ns", zone))])
    found = times.utc_moments(column)
    assert found.dtype == "datetime64[us]"
    right = [None if n is None else n // 1000 + (n < 0 and n % 1000 > 0) for n in ticks]
    assert [None if np.isnat(m) else int(m.astype(np.int64)) for m in found] == right


def test_init_counts_days_in_utc_whatever_zone_a_column_has(tmp_path):
    late = datetime(2024, 1, 1, 20, tzinfo=UTC)  # the second of January in Tokyo
    moments = pa.array([late + timedelta(days=n) for n in range(3)], pa.timestamp("us", "Asia/Tokyo"))
    pq.write_table(pa.table({"t": moments, "y": [1.0, 2.0, 3.0]}), tmp_path / "a.parquet")
    found = survey(Asked(data="a.parquet", target="y", time="t"), tmp_path)
    assert found.days == {date(2024, 1, day): 1 for day in (1, 2, 3)}


def test_very_many_days_are_counted_by_month_and_year(monkeypatch):
    start = datetime(1990, 1, 1)
    column = pa.chunked_array([pa.array([start + timedelta(days=n) for n in range(4_000)], pa.timestamp("us"))])
    assert set(map(len, times.rows_by_time(column))) == {7} and sum(times.rows_by_time(column).values()) == 4_000
    monkeypatch.setattr(times, "MOST_BINS", 30)
    assert times.rows_by_time(column)["1991"] == 365


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2024-02-29", (2024, 2, 29), (2024, 3, 1)),
        ("2024-02", (2024, 2, 1), (2024, 3, 1)),
        ("2023-12", (2023, 12, 1), (2024, 1, 1)),
        ("2024", (2024, 1, 1), (2025, 1, 1)),
        ("0001-01-01", (1, 1, 1), (1, 1, 2)),
        ("2023", (2023, 1, 1), (2024, 1, 1)),
        ("9999-11", (9999, 11, 1), (9999, 12, 1)),
    ],
)
def test_a_bin_has_its_bounds(name, start, end):
    found = TimeBin(name=name, num_rows=1)
    assert (found.start, found.end) == (datetime(*start, tzinfo=UTC), datetime(*end, tzinfo=UTC))


@pytest.mark.parametrize("name", ["9999-12-31", "9999-12", "9999"])
def test_the_last_bin_ends_with_time_itself(name):
    assert TimeBin(name=name, num_rows=1).end == datetime.max.replace(tzinfo=UTC)


@settings(max_examples=60, deadline=None)
@given(st.lists(MOMENTS, min_size=1, max_size=30), MOMENTS, MOMENTS)
def test_what_is_said_of_a_window_is_true_of_its_rows(tmp_path_factory, moments, one, other):
    """Counts add up to the rows, no overlap means no rows, and there are never more bins than allowed."""
    start, end = sorted(moment.replace(tzinfo=UTC) for moment in (one, other))
    text = "t,x\n" + "".join(f"{moment.isoformat(timespec='microseconds')},1\n" for moment in moments)
    group = listed(tmp_path_factory.mktemp("any"), text, time="t").files[0].slices[0]
    rows = sum(start <= moment.replace(tzinfo=UTC) < end for moment in moments)
    found, exact = rows_inside(group, start, end)
    assert not exact or found == rows
    assert overlaps(group, start, end) or rows == 0
    assert most_inside(group, start, end) >= rows


def parquet(folder, far, kind):
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(120)]
    values = [datetime(day.year, day.month, day.day) for day in (*days, far)]
    table = pa.table({"t": pa.array(values, pa.timestamp("us")).cast(kind), "x": range(121)})
    pq.write_table(table, folder / "b.parquet")
    return list_files("auto", ListOrder(pattern="b.parquet", root=folder, time="t"))


def csv(folder, far, kind):
    text = "t,x\n" + "".join(f"{date(2024, 1, 1) + timedelta(days=n)},1\n" for n in range(120)) + f"{far},1\n"
    return listed(folder, text, name="b.csv", time="t")


FAR = [date(9999, 12, 31), date(1, 1, 1), date(1900, 1, 1), date(2262, 4, 11), date(2999, 1, 1)]
TEST = "t >= '2100-01-01' or t < '1950-01-01'"


@pytest.mark.parametrize("far", FAR, ids=str)
@pytest.mark.parametrize(
    "drop", [TEST, f"x is null or {TEST}", f"({TEST}) or x > 1000", "not (t < '2100-01-01' and t > '1950-01-01')"]
)
@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.date32(), pa.timestamp("ms", "UTC"), "csv"], ids=str)
def test_times_that_are_dropped_are_no_times_of_the_data(tmp_path, far, drop, kind):
    source = csv(tmp_path, far, kind) if kind == "csv" else parquet(tmp_path, far, kind)
    assert far in (source.time_min.date(), source.time_max.date())
    assert far.isoformat()[:3] not in ("999", "299", "226") or source.newest_file == source.files[0].path
    kept = without_dropped(source, drop, "t")
    assert (kept.time_min.date(), kept.time_max.date()) == (date(2024, 1, 1), date(2024, 4, 29))


def test_other_conditions_leave_the_times_alone(tmp_path):
    source = csv(tmp_path, FAR[0], None)
    for drop in ("", "x is null", "t >= '2100-01-01' and x > 5", "true or x = 1"):
        assert without_dropped(source, drop, "t") == source


@pytest.mark.parametrize(
    "drop", ["t >= '2100-02-30'", "t > 21000101", "t", "t like '9%'", "t + 1 > 2", "t in (1, 2)", "t = true"]
)
def test_a_test_that_no_time_can_be_asked_is_left_to_those_who_refuse_it(tmp_path, drop):
    source = csv(tmp_path, FAR[0], None)
    for text in (drop, f"{drop} or t > '2100-01-01'", f"x is null or {drop}"):
        assert without_dropped(source, text, "t") == source


def test_a_file_of_which_all_is_dropped_has_no_times(tmp_path):
    assert without_dropped(csv(tmp_path, FAR[0], None), "t > '0001-01-01'", "t").time_max is None


def test_a_time_beyond_the_calendar_is_told_with_its_file(tmp_path):
    table = pa.table({"t": pa.array([0, 3 * 10**17], pa.int64()).cast(pa.timestamp("us"))})
    pq.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet: a time of 300000000000000000 .* is outside the years 1 to 9999"):
        list_files("auto", ListOrder(pattern="b.parquet", root=tmp_path, time="t"))
