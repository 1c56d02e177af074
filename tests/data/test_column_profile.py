"""Profiles of raw columns depend only on the values, merge in any order, and need bounded memory."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.data.profile import column as profiling
from raytemplate.data.profile.column import NOTHING, ColumnProfile, column_profile, few_values, merge
from raytemplate.data.profile.stream import from_bytes, to_bytes
from raytemplate.data.profile.summary import quantiles, summary_of
from raytemplate.data.profile.table import TableProfile
from raytemplate.errors import DataError

MICROS, ACCOUNT = pa.timestamp("us", "UTC"), 9_007_199_254_740_993
VALUES = [
    (pa.float64(), st.one_of(st.floats(), st.integers(-3, 3).map(float))),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.decimal128(38, 0), st.integers(-(10**20), 10**20).map(Decimal)),
    (pa.string(), st.sampled_from(["", " ", "a", "b", "é", "c", "x" * 300, "x" * 301])),
    (pa.bool_(), st.booleans()),
    (MICROS, st.datetimes(datetime(1, 1, 1), timezones=st.just(UTC))),
    (pa.date32(), st.dates()),
]


@st.composite
def three_parts(draw: st.DrawFn) -> tuple[Any, list[list[Any]]]:
    """A type and three lists of its values, with gaps."""
    kind, values = draw(st.sampled_from(VALUES))
    return kind, [draw(st.lists(st.one_of(st.none(), values), max_size=6)) for _ in range(3)]


def of(found: Any, kind: Any = None) -> ColumnProfile:
    return column_profile(pa.chunked_array([pa.array(found, kind)]))


def kept(found: ColumnProfile) -> ColumnProfile:
    """The profile after it was written and read."""
    table = TableProfile(num_rows=found.num_rows, columns={"x": found})
    return from_bytes(to_bytes(table)).columns["x"]


@settings(deadline=None, max_examples=150)
@given(three_parts())
def test_merge_of_raw_columns_is_associative_order_free_and_equal_to_one_pass(parts: tuple[Any, list[Any]]) -> None:
    kind, (a, b, c) = parts
    whole = of(a + b + c, kind)
    one, two, three = of(a, kind), of(b, kind), of(c, kind)

    assert merge(merge(one, two), three) == merge(one, merge(two, three)) == merge(one, two, three) == whole
    assert merge(three, merge(two, one)) == merge(NOTHING, whole) == merge(whole, NOTHING) == kept(whole) == whole


@settings(deadline=None, max_examples=50)
@given(three_parts(), st.integers(0, 5))
def test_merge_is_the_same_in_any_order_wherever_the_bound_is_passed(parts: tuple[Any, list[Any]], most: int) -> None:
    kind, lists = parts
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profiling, "MOST_COUNTED", most)
        a, b, c = (of(some, kind) for some in lists)
        found = [
            merge(merge(a, b), c),
            merge(merge(c, a), b),
            merge(b, c, a),
            of([v for some in lists for v in some], kind),
        ]
        exact = len({one.sketch is None for one in found})

    first = kept(found[0])
    assert exact == 1 and all(one.num_distinct == first.num_distinct for one in found)
    assert all((one.min, one.max, one.num_null, one.lengths) == (first.min, first.max, first.num_null, first.lengths)
               for one in found)  # fmt: skip
    bins = [one.sketch.bins if one.sketch else None for one in [first, *found]]
    assert all(one == bins[0] for one in bins)


def test_profile_says_what_is_there_of_each_type() -> None:
    number = of([1.0, None, float("nan"), 3.0, -0.0, 0.0])
    assert (number.type, number.num_rows, number.num_null, number.whole) == ("number", 6, 2, True)
    assert (number.min, number.max, few_values(number, 9)) == (0.0, 3.0, {0.0: 2, 1.0: 1, 3.0: 1})
    text = of(["b", " ", "a", "b"])
    assert (text.type, text.num_null, few_values(text, 9)) == ("text", 1, {"a": 1, "b": 2})
    assert few_values(of([True, False, True]), 9) == {True: 2, False: 1}
    day = datetime(2013, 1, 31, tzinfo=UTC)
    time = of([date(2013, 1, 31), None])
    assert (time.min, time.max, time.num_distinct, few_values(time, 9)) == (day, day, 1, None)
    assert of([[1], None]) == ColumnProfile(type="other", num_rows=2, num_null=1)
    assert of([0.5]).whole is False and of([None, None], pa.null()) == merge(NOTHING, of([None] * 2, pa.null()))


def test_whole_number_beyond_a_float_keeps_its_digits() -> None:
    found = merge(of([ACCOUNT], pa.int64()), of([1], pa.int64()))

    assert (found.min, found.max, few_values(found, 9)) == (1, ACCOUNT, {ACCOUNT: 1, 1: 1})


def test_few_values_are_none_past_the_bound_wherever_the_bound_is_passed() -> None:
    parts = [of([f"{n % 6}", f"{n // 2}"]) for n in range(12)]

    assert few_values(reduce(merge, parts[:4]), 5) == {"0": 3, "1": 3, "2": 1, "3": 1}
    assert few_values(reduce(merge, parts), 5) is None and few_values(of([f"{n}" for n in range(6)]), 5) is None


@pytest.mark.parametrize("draw", ["normal", "lognormal", "uniform", "exponential"])
def test_many_numbers_have_quantiles_within_a_percent_of_rank_and_distinct_within_two(draw: str) -> None:
    values = getattr(np.random.default_rng(7), draw)(size=300_000)
    found = merge(*(of(part) for part in np.array_split(values, 7)))

    ranks = np.searchsorted(np.sort(values), quantiles(found, np.arange(101) / 100)) / len(values)
    assert found.sketch and np.abs(ranks - np.arange(101) / 100).max() < 0.01
    assert abs(found.num_distinct / len(np.unique(values)) - 1) < 0.02
    told = summary_of(found)
    assert told.mean == pytest.approx(values.mean(), rel=1e-9) and told.deviation == pytest.approx(values.std())


def test_value_of_many_rows_is_told_however_many_values_there_are() -> None:
    parts = [
        of([f"{n}" for n in range(start, start + 60_000)] + ["often"] * 20_000) for start in range(0, 180_000, 60_000)
    ]
    told = summary_of(merge(*parts))

    assert not told.is_counted and told.most_frequent[0].value == "often"
    assert 59_000 < told.most_frequent[0].num_rows <= 60_000 and abs(told.num_distinct / 180_001 - 1) < 0.02


def test_quantiles_of_counted_numbers_are_exact() -> None:
    told = summary_of(of([4, 1, 2, 3, None, 100]))

    assert (told.percentiles[0], told.percentiles[50], told.percentiles[100]) == (1, 3, 100)
    assert (told.mean, told.num_distinct, told.is_counted) == (22, 5, True)


def test_column_of_another_type_in_each_part_is_refused() -> None:
    with pytest.raises(DataError, match="a column is text in one part of the data and integer in another"):
        merge(of(["a"]), of([1]))
