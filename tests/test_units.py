"""Times, durations, sizes and amounts of money as people write them are read exactly, or refused with a message."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytemplate.units import (
    Span,
    moments_back,
    parse_duration,
    parse_moment,
    parse_money,
    parse_share,
    parse_size,
    parse_span,
    show_moment,
)

WRONG = {
    parse_moment: [
        "29.05.24", "24-05-29", "2024-02-30", "2024-13-01", "2024-01-31x06:00", "2024-01-31506:00", "2024-01-01T24:00",
        "2016-12-31T23:59:60", "2024-01-01T00:00:00.1234567", "0000-01-01", "0001-01-01T00:00+05:00",
        "9999-12-31T23:00-05:00", "2024-01", "20240131T6", "2024-01-31 06:00 PM", "",
    ],
    parse_duration: ["10", "1_0s", "1e3s", "-5m", "5 M", "5mm", "5s x", "\uff11s", "9" * 400 + "s", "", None, 10, True],
    parse_span: ["90", "1.5d", "-1d", "3 moons", "9" * 400 + "d", "\uff11d", "0x1d", "1_0d", None, 7],
    parse_share: ["15", "15 %%", "1_5 %", "1e1 %", "-1 %", 0.15],
    parse_size: ["2", "2 iB", "2 G", "0x2 GB", "1e9 B", "2,5 GB", "9" * 400 + " GB", 2],
    parse_money: ["5", "5 EUR", "5 usd", "$5", "1_0 USD", "1,5 USD", "9" * 400 + " USD", 5],
}  # fmt: skip


@pytest.mark.parametrize(
    ("parse", "text"),
    [(parse, text) for parse, texts in WRONG.items() for text in texts],
    ids=lambda one: str(getattr(one, "__name__", one))[:20],
)
def test_what_is_not_spelt_is_refused(parse, text):
    with pytest.raises(ValueError, match=r"^got .*, expected "):
        parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-29", datetime(2024, 5, 29, tzinfo=UTC)),
        (" 2024-05-29 ", datetime(2024, 5, 29, tzinfo=UTC)),
        ("20240529", datetime(2024, 5, 29, tzinfo=UTC)),
        ("2024-05-29T06", datetime(2024, 5, 29, 6, tzinfo=UTC)),
        ("2024-05-29 06:30:01.5+0130", datetime(2024, 5, 29, 5, 0, 1, 500_000, tzinfo=UTC)),
        ("2024-05-29T06:30Z", datetime(2024, 5, 29, 6, 30, tzinfo=UTC)),
        ("0001-01-01", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31", datetime(9999, 12, 31, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_and_shown_with_all_its_digits(text, expected):
    assert parse_moment(text) == expected
    if expected.second == 0:
        assert parse_moment(show_moment(expected)) == expected


BACK = {
    "months from the 31st": ("2024-05-31", "0d 1month 1month 1month", "05-31 04-30 03-31 02-29"),
    "of different lengths": ("2024-05-31", "1month 2months 1month", "04-30 02-29 01-31"),
    "days between months": ("2024-05-31", "1month 1d 1month", "04-30 04-29 03-29"),
    "days only": ("2024-03-01", "1d 1week", "02-29 02-22"),
}


@pytest.mark.parametrize(("end", "spans", "expected"), BACK.values(), ids=BACK)
def test_spans_back_to_back_do_not_lose_days_at_the_ends_of_months(end, spans, expected):
    found = moments_back(datetime.fromisoformat(end), [parse_span(one) for one in spans.split()])
    assert [f"{one:%m-%d}" for one in found] == expected.split()


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)),
    st.lists(st.builds(Span, st.integers(0, 40), st.sampled_from(["minute", "hour", "day", "month"])), max_size=5),
)
def test_months_in_a_row_are_as_long_as_their_sum(end, spans):
    found = moments_back(end, spans)
    assert all(later >= earlier for later, earlier in itertools.pairwise([end, *found]))
    months = [one for one in spans if one.unit == "month"]
    if months == spans and spans:
        assert found[-1] == Span(sum(one.amount for one in months), "month").back_from(end)
