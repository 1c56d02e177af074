"""Profiles of raw columns depend only on the values, merge in any order, and need bounded memory."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import reduce
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.data.profile import column as profiling
from raytemplate.data.profile.column import NOTHING, ColumnProfile, column_profile, merge
from raytemplate.errors import DataError

MICROS, ACCOUNT = pa.timestamp("us", "UTC"), 9_007_199_254_740_993
VALUES = [
    (pa.float64(), st.one_of(st.floats(), st.integers(-3, 3).map(float))),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.decimal128(38, 0), st.integers(-(10**20), 10**20).map(Decimal)),
    (pa.string(), st.sampled_from(["", " ", "a", "b", "é", "c"])),
    (pa.bool_(), st.booleans()),
    (MICROS, st.datetimes(datetime(1, 1, 1), timezones=st.just(UTC))),
    (pa.date32(), st.dates()),
]


@st.composite
def three_parts(draw: st.DrawFn) -> tuple[Any, list[list[Any]]]:
    """A type and three lists of its values, with gaps."""
    kind, values = draw(st.sampled_from(VALUES))
    return kind, [draw(st.lists(st.one_of(st.none(), values), max_size=6)) for _ in range(3)]


def of(found: list[Any], kind: Any = None) -> ColumnProfile:
    return column_profile(pa.chunked_array([pa.array(found, kind)]))


@settings(deadline=None, max_examples=150)
@given(three_parts())
def test_merge_of_raw_columns_is_associative_order_free_and_equal_to_one_pass(parts: tuple[Any, list[Any]]) -> None:
    kind, (a, b, c) = parts
    whole = of(a + b + c, kind)
    one, two, three = of(a, kind), of(b, kind), of(c, kind)

    assert merge(merge(one, two), three) == merge(one, merge(two, three)) == whole
    assert merge(three, merge(two, one)) == merge(NOTHING, whole) == merge(whole, NOTHING) == whole


def test_profile_says_what_is_there_of_each_type() -> None:
    assert of([1.0, None, float("nan"), 3.0]) == ColumnProfile(
        type="number", num_rows=4, num_null=2, whole=True, min=1.0, max=3.0, values={1.0: 1, 3.0: 1}
    )
    assert of(["b", " ", "a", "b"]) == ColumnProfile(type="text", num_rows=4, num_null=1, values={"a": 1, "b": 2})
    assert of([True, False, True]) == ColumnProfile(type="boolean", num_rows=3, num_null=0, values={True: 2, False: 1})
    day = datetime(2013, 1, 31, tzinfo=UTC)
    assert of([date(2013, 1, 31), None]) == ColumnProfile(type="time", num_rows=2, num_null=1, min=day, max=day)
    assert of([[1], None]) == ColumnProfile(type="other", num_rows=2, num_null=1)
    assert of([0.5]).whole is False and of([None, None], pa.null()) == merge(NOTHING, of([None] * 2, pa.null()))


def test_whole_number_beyond_a_float_keeps_its_digits() -> None:
    found = merge(of([ACCOUNT], pa.int64()), of([1], pa.int64()))

    assert (found.min, found.max, found.values) == (1, ACCOUNT, {ACCOUNT: 1, 1: 1})


def test_values_are_not_counted_past_the_bound_wherever_the_bound_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling, "MOST_VALUES", 5)
    parts = [of([f"{n % 6}", f"{n // 2}"]) for n in range(12)]

    assert reduce(merge, parts[:4]).values == {"0": 3, "1": 3, "2": 1, "3": 1}
    assert reduce(merge, parts).values is None and of([f"{n}" for n in range(6)]).values is None


def test_column_of_another_type_in_each_part_is_refused() -> None:
    with pytest.raises(DataError, match="a column is text in one part of the data and integer in another"):
        merge(of(["a"]), of([1]))
