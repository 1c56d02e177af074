"""As-of and windows: half-open, back to back, and never silently empty."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_inventory import inventory, moment, source, spec_of

from raytemplate.data.options import WindowsSpec
from raytemplate.data.sources.listing import SourceTable
from raytemplate.errors import DataError, UsageError
from raytemplate.planning.compile import compile as compile_plan
from raytemplate.planning.moments import resolve_as_of, windows_at

NOW = datetime(2013, 6, 15, 13, 45, tzinfo=UTC)


def bounds(as_of, **lengths):
    return [(w.name, w.start, w.end) for w in windows_at(as_of, WindowsSpec(**lengths), source())]


def test_the_windows_of_the_north_star():
    made = compile_plan(spec_of(), inventory(), "2013-06-01")
    assert [(w.name, w.start, w.end, w.length) for w in made.ingest.windows] == [
        ("train", moment(1), moment(5, 11), "all"),
        ("validation", moment(5, 11), moment(5, 18), "7d"),
        ("test", moment(5, 18), moment(6), "14d"),
    ]


def test_months_are_calendar_months():
    found = bounds(moment(8), train="3 months", validation="1 month", test="1 month")
    assert found == [
        ("train", moment(3), moment(6)),
        ("validation", moment(6), moment(7)),
        ("test", moment(7), moment(8)),
    ]


def test_a_month_before_the_31st_ends_on_the_last_day_there_is():
    train, validation, test = bounds(moment(3, 31), train="10d", validation="7d", test="1 month")
    assert test == ("test", moment(2, 28), moment(3, 31))
    assert (train[2], validation[2]) == (moment(2, 21), moment(2, 28))


def test_label_delay_moves_all_windows_back():
    plain, delayed = bounds(moment(6), train="30d"), bounds(moment(6, 11), train="30d", label_delay="10d")
    assert plain == delayed


AS_OF = {
    "now": datetime(2013, 6, 15, tzinfo=UTC),
    "latest": moment(13),
    "2013-06-01": moment(6),
    "2013-06-01T12:00": datetime(2013, 6, 1, 12, tzinfo=UTC),
    "2013-06-01T12:00+02:00": datetime(2013, 6, 1, 10, tzinfo=UTC),
}


@pytest.mark.parametrize(("text", "expected"), AS_OF.items(), ids=AS_OF)
def test_as_of(text, expected):
    assert resolve_as_of(text, NOW, source()) == expected


@pytest.mark.parametrize("text", ["yesterday", "", "2013-13-01", "01.06.2013"])
def test_as_of_that_cannot_be_read_is_named(text):
    with pytest.raises(UsageError, match=r"^--as-of: "):
        resolve_as_of(text, NOW, source())


def test_latest_without_statistics_asks_for_a_date():
    bare = SourceTable(kind="parquet", root="/", files=(), schema={})
    with pytest.raises(DataError, match="give a date instead"):
        resolve_as_of("latest", NOW, bare)


def test_an_empty_window_names_the_newest_time_and_latest():
    with pytest.raises(DataError) as refused:
        compile_plan(spec_of(), inventory(), "2014-03-01")
    assert refused.value.what.startswith("the validation window 2014-02-08 .. 2014-02-15 has no rows")
    assert "newest time in the data is 2013-12-31 23:00 UTC" in refused.value.what
    assert "--as-of latest" in refused.value.next_step
    assert refused.value.exit_code == 2


@given(
    day=st.datetimes(datetime(2013, 4, 15), datetime(2013, 12, 31)),
    lengths=st.tuples(st.integers(1, 40), st.integers(1, 20), st.integers(1, 20)),
    delay=st.integers(0, 9),
)
def test_windows_always_stand_back_to_back_before_as_of(day, lengths, delay):
    as_of = day.replace(tzinfo=UTC)
    train, validation, test = (f"{n}d" for n in lengths)
    spec = WindowsSpec(train=train, validation=validation, test=test, label_delay=f"{delay}d")
    windows = windows_at(as_of, spec, source())
    assert [w.name for w in windows] == ["train", "validation", "test"]
    assert all(a.end == b.start for a, b in pairwise(windows))
    assert [(w.end - w.start).days for w in windows] == list(lengths)
    assert (as_of - windows[-1].end).days == delay


def test_before_the_first_row_a_later_date_is_advised():
    with pytest.raises(DataError, match=r"window has no rows; the oldest time in the data is 2013-01-01") as refused:
        compile_plan(spec_of(), inventory(), "2011-01-01")
    assert refused.value.next_step == "use --as-of latest, or a later date"
