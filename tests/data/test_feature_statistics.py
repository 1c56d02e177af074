"""Profiles: one pass, mergeable, JSON both ways."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.data import statistics
from raytemplate.data.features.feature_statistics import FeatureStatistics, feature_statistics, merge
from raytemplate.data.statistics import CategoryProfile, NumberProfile, category_profile, merge_categories
from raytemplate.errors import DataError
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings, dumps, loads

STEPS = (
    FeatureStep(kind="numeric", column="x", settings=Settings({})),
    FeatureStep(kind="numeric", column="w", settings=Settings({"transform": "log"})),
    FeatureStep(kind="categorical", column="name", settings=Settings({})),
    FeatureStep(kind="datetime", column="time", settings=Settings({"parts": ["hour"]})),
)
numbers = st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf]))
rows = st.lists(
    st.tuples(numbers, st.integers(-100, 100), st.one_of(st.none(), st.sampled_from("abcé")), st.integers(0, 10**10)),
    max_size=30,
)


def table(values: Sequence[tuple[Any, ...]]) -> pa.Table:
    x, w, name, seconds = zip(*values, strict=True) if values else ((), (), (), ())
    return pa.table(
        {
            "x": pa.array(x, pa.float64()),
            "w": pa.array(w, pa.int64()),
            "name": pa.array(name, pa.string()),
            "time": pa.array(seconds, pa.timestamp("s", "UTC")),
        }
    )


def of(values: Sequence[tuple[Any, ...]]) -> FeatureStatistics:
    return feature_statistics(table(values), STEPS, "w")


def assert_near(a: FeatureStatistics, b: FeatureStatistics) -> None:
    assert a.num_rows == b.num_rows
    for key, one in {**a.columns, "target": a.target}.items():
        other = {**b.columns, "target": b.target}[key]
        if not isinstance(one, NumberProfile):
            assert one == other
            continue
        assert isinstance(other, NumberProfile)
        exact = ("type", "num_rows", "num_null", "num_nonfinite", "min", "max")
        assert [getattr(one, n) for n in exact] == [getattr(other, n) for n in exact]
        size = max(1.0, abs(one.min), abs(one.max)) if one.num_finite else 1.0
        assert one.mean == pytest.approx(other.mean, rel=1e-9, abs=1e-9 * size)
        assert one.m2 == pytest.approx(other.m2, rel=1e-9, abs=1e-9 * size * size)


@settings(deadline=None, max_examples=60)
@given(rows, rows, rows)
def test_merge_is_associative_order_free_and_equal_to_one_pass(a: list[Any], b: list[Any], c: list[Any]) -> None:
    whole = of(a + b + c)
    assert_near(merge(merge(of(a), of(b)), of(c)), whole)
    assert_near(merge(of(a), merge(of(b), of(c))), whole)
    assert_near(merge(of(c), merge(of(b), of(a))), whole)


@settings(deadline=None, max_examples=30)
@given(rows)
def test_json_round_trip_when_profile_holds_anything(values: list[Any]) -> None:
    assert loads(FeatureStatistics, dumps(of(values))) == of(values)


def test_nan_counts_as_null_and_infinity_apart() -> None:
    found = of([(1.0, 0, "a", 0), (math.nan, 0, "a", 0), (None, 0, None, 0), (math.inf, 0, "b", 0), (3.0, 0, "a", 9)])
    x = found.columns["numeric:x"]
    assert isinstance(x, NumberProfile)
    assert (x.num_rows, x.num_null, x.num_nonfinite, x.mean, x.min, x.max) == (5, 2, 1, 2.0, 1.0, 3.0)
    assert x.deviation == 1.0
    name = found.columns["categorical:name"]
    assert isinstance(name, CategoryProfile)
    assert (name.counts, name.num_null, name.max_undercount) == ({"a": 3, "b": 1}, 1, 0)


def test_profile_is_the_same_whatever_the_chunks() -> None:
    rng = np.random.default_rng(7)
    values = [(float(v), int(v), "ab"[i % 2], i) for i, v in enumerate(rng.normal(0, 100, 5000))]
    pieces = pa.concat_tables([table(values[i : i + 333]) for i in range(0, 5000, 333)])
    assert feature_statistics(pieces, STEPS, "w") == of(values)


def test_mean_and_deviation_stay_right_far_from_zero() -> None:
    values = 1e9 + np.random.default_rng(7).normal(size=100_000)
    steps = STEPS[:1]
    parts = [feature_statistics(pa.table({"x": part}), steps, "x") for part in np.array_split(values, 97)]
    found = parts[0]
    for part in parts[1:]:
        found = merge(found, part)
    assert found.target.deviation == pytest.approx(values.std(), rel=1e-6)


@pytest.mark.parametrize(
    "column",
    [pa.array([1, 2, None, 1]), pa.array(["1", "2", None, "1"]).dictionary_encode(), pa.array(["1", "2", None, "1"])],
    ids=["whole numbers", "dictionary", "text"],
)
def test_categories_are_counted_as_text(column: pa.Array) -> None:
    found = category_profile(pa.chunked_array([column, column]), "text")
    assert (found.counts, found.num_null) == ({"1": 4, "2": 2}, 2)


def test_counts_past_the_bound_are_too_low_by_no_more_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "MAX_DISTINCT", 10)
    rng = np.random.default_rng(7)
    values = rng.zipf(1.5, 20_000).clip(max=5000)
    truth = dict(zip(*(part.tolist() for part in np.unique(values, return_counts=True)), strict=True))
    parts = [category_profile(pa.chunked_array([pa.array(part)]), "whole number") for part in np.array_split(values, 9)]
    found = parts[0]
    for part in parts[1:]:
        found = merge_categories(found, part)
    assert len(found.counts) <= 10
    assert 0 < found.max_undercount <= 20_000 / 11
    for value, count in truth.items():
        assert 0 <= count - found.counts.get(str(value), 0) <= found.max_undercount


def test_columns_of_another_type_or_missing_are_named() -> None:
    data = table([(1.0, 1, "a", 0)])
    with pytest.raises(DataError, match=r"^column name is string, not a number; list it under features\.categorical$"):
        feature_statistics(data, [FeatureStep(kind="numeric", column="name", settings=Settings({}))], "w")
    with pytest.raises(DataError, match=r"^column x is double, not text, a whole number or a boolean"):
        feature_statistics(data, [FeatureStep(kind="categorical", column="x", settings=Settings({}))], "w")
    with pytest.raises(DataError, match=r"^no column nam in the data; did you mean name\?$"):
        feature_statistics(data, [FeatureStep(kind="categorical", column="nam", settings=Settings({}))], "w")


def test_merge_takes_the_type_of_the_part_that_has_values() -> None:
    nothing = pa.table({"x": pa.nulls(2), "w": pa.nulls(2), "name": pa.nulls(2), "time": pa.nulls(2)})
    merged = merge(feature_statistics(nothing, STEPS, "w"), of([(1.0, 2, "a", 3)]))
    assert [p.type for p in merged.columns.values()] == ["number", "number", "text", "time"]
    assert [p.num_null for p in merged.columns.values()] == [2, 2, 2, 2]


def test_text_that_is_not_utf8_is_a_data_error() -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff\xfe"]).buffers())
    with pytest.raises(DataError, match="column name holds text that is not UTF-8"):
        feature_statistics(pa.table({"name": broken, "w": [1]}), STEPS[2:3], "w")
