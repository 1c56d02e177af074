"""Encoding: fitted once, and the same row gives the same bytes at every position."""

import itertools
import time as clock
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.data.features.categorical import MISSING, UNKNOWN
from raytemplate.data.features.encoding import Encoded, FittedFeatures, encode, fit_features
from raytemplate.data.features.feature_statistics import feature_statistics
from raytemplate.data.features.numeric import MAX_DEVIATIONS
from raytemplate.errors import DataError
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings, dumps, loads

MOMENTS = [datetime(2013, 1, 1, tzinfo=UTC), datetime(2012, 12, 31, 23, 59, tzinfo=UTC), None]


def step(kind: str, column: str, **more: Any) -> FeatureStep:
    return FeatureStep(kind=kind, column=column, settings=Settings(more))


def fitted(table: pa.Table, *steps: FeatureStep) -> FittedFeatures:
    with_target = table if "y" in table.column_names else table.append_column("y", pa.array(range(table.num_rows)))
    return fit_features(feature_statistics(with_target, steps, "y"), steps)


def encoded(train: pa.Table, new: pa.Table, *steps: FeatureStep) -> Encoded:
    return encode(new, fitted(train, *steps), with_target=False)


def random_table(num_rows: int, seed: int = 7) -> pa.Table:
    rng = np.random.default_rng(seed)
    holes = rng.random(num_rows) < 0.1
    return pa.table(
        {
            "x": pa.array(rng.normal(50, 20, num_rows), mask=holes),
            "p": pa.array(rng.exponential(1, num_rows)),
            "n": pa.array(rng.integers(0, 9, num_rows), mask=holes),
            "name": pa.array([f"v{v}" for v in rng.zipf(2, num_rows)], mask=holes),
            "time": pa.array(rng.integers(0, 2 * 10**9, num_rows), pa.timestamp("s", "UTC"), mask=holes),
            "at": pa.array(rng.integers(0, 2 * 10**9, num_rows), pa.timestamp("s", "UTC"), mask=holes),
            "note": pa.array([" ".join(f"w{v}" for v in rng.zipf(2, 4)) for _ in range(num_rows)], mask=holes),
            "other": pa.array([f"Zürich {v} 東京" for v in rng.zipf(2, num_rows)], mask=holes),
            "y": pa.array(rng.normal(100, 30, num_rows)),
        }
    )


STEPS = (
    step("numeric", "x"),
    step("numeric", "p", transform="log"),
    step("numeric", "n", scale="none"),
    step("buckets", "x", buckets=7),
    step("quantile", "p"),
    step("power", "x"),
    step("categorical", "name", min_count=3),
    step("categorical", "n", encoding="one-hot"),
    step("ordinal", "n", order=[str(n) for n in range(9)]),
    step("hashing", "name", buckets=16),
    step("target-mean", "name", fold_by=["x", "time"]),
    step("text", "note", width=12),
    step("text", "other", width=16, method="hashing", tokens="characters"),
    FeatureStep(kind="categorical", column="both", settings=Settings({"min_count": 2}), inputs=("name", "n")),
    step("datetime", "time", parts=["minute", "hour", "weekday", "day", "month", "quarter", "dayofyear", "year"]),
    step("datetime", "at", parts=["hour-cycle", "dayofyear-cycle", "year"]),
)


def test_numbers_are_scaled_and_missing_ones_are_zero() -> None:
    train = pa.table({"x": [1.0, 3.0, None, float("nan")], "y": [1, 2, 3, 4]})
    found = encoded(train, train, step("numeric", "x"))
    assert found.dense.ravel().tolist() == [-1.0, 1.0, 0.0, 0.0]
    assert (found.dense.dtype, found.dense.flags.c_contiguous) == (np.float32, True)
    assert found.codes.shape == (4, 0)


@pytest.mark.parametrize(
    "column",
    [pa.array([1, 3], pa.int8()), pa.array([1, 3], pa.float32()), pa.array([Decimal(1), Decimal(3)]), [False, True]],
    ids=["int8", "float32", "decimal", "boolean"],
)
def test_numbers_of_every_kind_are_scaled_alike(column: Any) -> None:
    train = pa.table({"x": column})
    assert encoded(train, train, step("numeric", "x")).dense.ravel().tolist() == [-1.0, 1.0]


def test_dictionary_encoded_numbers_and_times_are_read_as_their_values() -> None:
    plain = pa.table({"x": [1, 3, None], "t": pa.array(MOMENTS, pa.timestamp("us", "UTC"))})
    coded = pa.table({name: plain.column(name).dictionary_encode() for name in ("x", "t")})
    steps = (step("numeric", "x"), step("datetime", "t", parts=["hour", "year"]))
    a, b = encoded(plain, plain, *steps), encoded(coded, coded, *steps)
    assert (a.dense.tobytes(), a.codes.tobytes()) == (b.dense.tobytes(), b.codes.tobytes())


def test_log_is_symmetric_and_applied_before_scaling() -> None:
    train = pa.table({"x": [-(np.e - 1), 0.0, np.e - 1]})
    found = encoded(train, train, step("numeric", "x", transform="log")).dense.ravel()
    np.testing.assert_allclose(found, np.array([-1, 0, 1]) / np.sqrt(2 / 3), rtol=1e-6)


@pytest.mark.parametrize("value", [0.1, 0.0, 1013.25, -7.7e11], ids=str)
def test_a_constant_column_gives_zero_and_stays_small_when_it_comes_alive(value: float) -> None:
    train = pa.table({"x": [value] * 1001})
    new = pa.table({"x": [value, value + 1, 1e300, float("inf"), float("-inf"), None]})
    found = encoded(train, new, step("numeric", "x")).dense.ravel()
    assert (encoded(train, train, step("numeric", "x")).dense == 0).all()
    assert found[0] == found[5] == 0.0
    assert found[2:5].tolist() == [1.0, 1.0, -1.0]
    assert 0 < found[1] <= 1


def test_one_faulty_reading_is_kept_within_the_bound() -> None:
    train = pa.table({"x": np.random.default_rng(7).normal(10, 5, 1000)})
    new = pa.table({"x": [1048.0, -1e300, 10.0]})
    found = encoded(train, new, step("numeric", "x")).dense.ravel()
    assert found[:2].tolist() == [MAX_DEVIATIONS, -MAX_DEVIATIONS]


@pytest.mark.parametrize("scale", ["standard", "none"])
def test_every_number_gives_a_finite_one(scale: str) -> None:
    wild = pa.table({"x": [1e308, -1e308, float("inf"), float("nan"), None, 5e-324]})
    for train in (wild, pa.table({"x": pa.nulls(6)}), pa.table({"x": [1.0, 2.0]})):
        assert np.isfinite(encoded(train, wild, step("numeric", "x", scale=scale)).dense).all()


def test_codes_are_unknown_missing_then_values_by_falling_count() -> None:
    train = pa.table({"c": ["b", "a", "c", "b", None, "rare", "c", "a"]})
    made = fitted(train, step("categorical", "c", min_count=2))
    assert (made.codes, made.cardinalities) == (("c",), (5,))
    assert made.features[0].state["values"] == ["a", "b", "c"]
    new = encode(pa.table({"c": ["a", "b", "c", None, "rare", "new"]}), made, with_target=False)
    assert new.codes.ravel().tolist() == [2, 3, 4, MISSING, UNKNOWN, UNKNOWN]
    assert (new.codes.dtype, new.num_unknown) == (np.int32, 2)


def test_only_the_most_frequent_values_are_kept() -> None:
    train = pa.table({"c": ["a"] + ["b"] * 3 + ["c"] * 2})
    assert fitted(train, step("categorical", "c", max_values=2)).features[0].state["values"] == ["b", "c"]


def test_one_hot_has_a_column_for_unknown_missing_and_each_value() -> None:
    train = pa.table({"c": ["b", "a", "b"]})
    made = fitted(train, step("categorical", "c", encoding="one-hot"))
    assert (made.dense, made.codes) == (("c=(unknown)", "c=(missing)", "c=b", "c=a"), ())
    new = encode(pa.table({"c": ["a", "zz", None, "b"]}), made, with_target=False)
    assert new.dense.tolist() == [[0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
    assert new.num_unknown == 1


def test_an_order_gives_places_and_unknown_values_their_middle() -> None:
    train = pa.table({"c": ["S", "L", "M", None]})
    made = fitted(train, step("ordinal", "c", order=["S", "M", "L"]))
    found = encode(pa.table({"c": ["S", "M", "L", None, "XL"]}), made, with_target=False)
    np.testing.assert_allclose(found.dense.ravel(), np.array([-1, 0, 1, 0, 0]) / np.sqrt(2 / 3), rtol=1e-6)
    assert found.num_unknown == 1


def test_a_training_value_that_the_order_lacks_is_named() -> None:
    with pytest.raises(DataError, match=r'^column c: "L", "XL" in 3 training rows: not in the order S, M$'):
        fitted(pa.table({"c": ["S", "L", "XL", "L"]}), step("ordinal", "c", order=["S", "M"]))


def test_hashing_needs_no_vocabulary() -> None:
    made = fitted(pa.table({"c": ["a", None]}), step("hashing", "c", buckets=8))
    assert (made.codes, made.cardinalities) == (("c",), (9,))
    found = encode(pa.table({"c": ["a", "b", None, "a", "\u4e2d"]}), made, with_target=False)
    assert found.codes.ravel().tolist() == [1, 5, 0, 1, 2]  # pinned: saved models rely on them
    assert (found.codes.max() < 9, found.num_unknown) == (True, 0)
    numbers = encode(pa.table({"c": ["1", "12"]}), made, with_target=False).codes
    again = fitted(pa.table({"c": [1, 12]}), step("hashing", "c", buckets=8))
    assert encode(pa.table({"c": [1, 12]}), again, with_target=False).codes.tolist() == numbers.tolist()


def test_unknown_rows_are_counted_once_when_two_columns_are_unknown() -> None:
    train = pa.table({"a": ["p"], "b": ["q"]})
    new = pa.table({"a": ["p", "?", "?"], "b": ["?", "?", "q"]})
    assert encoded(train, new, step("categorical", "a"), step("categorical", "b")).num_unknown == 3


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a", None, "b"]).dictionary_encode(),
        pa.DictionaryArray.from_arrays(pa.array([2, 0, 1]), pa.array([None, "b", "a"])),
        pa.array(["a", None, "b"], pa.large_string()),
        pa.array(["a", None, "b"], pa.string_view()),
    ],
    ids=["dictionary", "null in the dictionary", "large", "view"],
)
def test_text_of_every_kind_gives_the_same_codes(column: pa.Array) -> None:
    made = fitted(pa.table({"c": ["a", None, "b"]}), step("categorical", "c"))
    chunked = pa.chunked_array([column, column])
    assert encode(pa.table({"c": chunked}), made, with_target=False).codes.ravel().tolist() == [2, 1, 3] * 2


def test_whole_numbers_and_booleans_are_categories() -> None:
    train = pa.table({"n": [3, 1, 3, None], "b": [True, False, True, None]})
    found = encoded(train, train, step("categorical", "n"), step("categorical", "b"))
    assert found.codes.tolist() == [[2, 2], [3, 3], [2, 2], [1, 1]]


@pytest.mark.parametrize(
    "kind", [pa.timestamp("us", "America/New_York"), pa.timestamp("ns"), pa.timestamp("s")], ids=str
)
def test_parts_of_a_time_are_read_in_utc(kind: pa.DataType) -> None:
    parts = ["minute", "hour", "weekday", "day", "month", "quarter", "dayofyear", "year"]
    train = pa.table({"t": pa.array(MOMENTS, pa.timestamp("us", "UTC")).cast(kind)})
    made = fitted(train, step("datetime", "t", parts=parts))
    assert made.codes == tuple(f"t.{part}" for part in parts[:6])
    assert made.cardinalities == (61, 25, 8, 32, 13, 5)
    assert made.dense == ("t.dayofyear", "t.year")
    found = encode(train, made, with_target=False)
    assert found.codes.tolist() == [[1, 1, 2, 1, 1, 1], [60, 24, 1, 31, 12, 4], [0] * 6]
    assert found.dense.tolist() == [[-1.0, 0.0], [1.0, -1.0], [0.0, 0.0]]


def test_cycles_bring_the_ends_together() -> None:
    times = pa.array([datetime(2013, 1, 1, 23), datetime(2013, 1, 1), datetime(2013, 7, 1, 12), None])
    made = fitted(pa.table({"t": times}), step("datetime", "t", parts=["month-cycle", "hour-cycle"]))
    assert made.dense == ("t.month-cycle.sin", "t.month-cycle.cos", "t.hour-cycle.sin", "t.hour-cycle.cos")
    found = encode(pa.table({"t": times}), made, with_target=False).dense
    np.testing.assert_allclose(found[1:], [[0, 1, 0, 1], [0, -1, 0, -1], [0, 0, 0, 0]], atol=1e-7)
    assert np.linalg.norm(found[0] - found[1]) == pytest.approx(2 * np.sin(np.pi / 24))


def test_dates_have_parts() -> None:
    train = pa.table({"t": pa.array([datetime(2013, 1, 1).date(), None])})
    assert encoded(train, train, step("datetime", "t", parts=["weekday"])).codes.ravel().tolist() == [2, 0]


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 400), max_size=6))
def test_a_row_gives_the_same_bytes_whatever_batch_it_is_in(seed: int, cuts: list[int]) -> None:
    made = fitted(random_table(500), *STEPS)
    table = random_table(400, seed)
    whole = encode(table, made, with_target=True)
    edges = [0, *sorted(cuts), 400]
    parts = [encode(table.slice(a, b - a), made, with_target=True) for a, b in itertools.pairwise(edges)]
    assert np.concatenate([p.dense for p in parts]).tobytes() == whole.dense.tobytes()
    assert np.concatenate([p.codes for p in parts]).tobytes() == whole.codes.tobytes()
    assert (
        np.concatenate([p.target for p in parts if p.target is not None]).tobytes()
        == np.asarray(whole.target).tobytes()
    )
    assert sum(p.num_unknown for p in parts) == whole.num_unknown
    chunks = pa.concat_tables([table.slice(a, b - a) for a, b in itertools.pairwise(edges)])
    assert encode(chunks, made, with_target=False).dense.tobytes() == whole.dense.tobytes()


def test_one_row_alone_gives_the_same_bytes() -> None:
    made, table = fitted(random_table(500), *STEPS), random_table(64, 3)
    whole = encode(table, made, with_target=False)
    for i in range(64):
        one = encode(table.slice(i, 1), made, with_target=False)
        assert (one.dense.tobytes(), one.codes.tobytes()) == (whole.dense[i].tobytes(), whole.codes[i].tobytes())


def test_fitted_features_survive_json() -> None:
    made = fitted(random_table(500), *STEPS)
    again = loads(FittedFeatures, dumps(made))
    assert again == made
    table = random_table(50, 1)
    assert (
        encode(table, again, with_target=False).dense.tobytes()
        == encode(table, made, with_target=False).dense.tobytes()
    )


def test_target_keeps_its_unit_and_the_layout_knows_its_scale() -> None:
    train = pa.table({"x": [1, 2], "y": pa.array([10, 30], pa.int32())})
    made = fitted(train, step("numeric", "x"))
    found = encode(train, made, with_target=True)
    assert found.target is not None
    assert (found.target.dtype, found.target.tolist()) == (np.float32, [10.0, 30.0])
    assert (made.target, made.target_mean, made.target_std, made.num_rows) == ("y", 20.0, 10.0, 2)


def test_columns_that_are_missing_or_changed_are_named() -> None:
    made = fitted(pa.table({"c": ["a"], "x": [1.0]}), step("categorical", "c"), step("numeric", "x"))
    with pytest.raises(DataError, match=r"^no column x in the data; there is c$"):
        encode(pa.table({"c": ["a"]}), made, with_target=False)
    with pytest.raises(DataError, match=r"^column c is int64, but was text in training$"):
        encode(pa.table({"c": [1], "x": [1.0]}), made, with_target=False)
    with pytest.raises(DataError, match=r"^column x is string, not a number; list it under features\.categorical$"):
        encode(pa.table({"c": ["a"], "x": ["1"]}), made, with_target=False)


def test_a_column_of_nulls_is_missing_everywhere() -> None:
    made = fitted(random_table(50), *STEPS)
    empty = pa.table({name: pa.nulls(3) for name in ("x", "p", "n", "name", "time", "at", "note", "other")})
    found = encode(empty, made, with_target=False)
    counted = [made.codes.index("name"), made.codes.index("both")]
    assert (found.codes[:, counted] == MISSING).all()
    assert (np.delete(found.codes, counted, axis=1) == 0).all()
    assert found.num_unknown == 0


def test_no_rows_give_empty_arrays() -> None:
    made = fitted(random_table(50), *STEPS)
    found = encode(random_table(50).slice(0, 0), made, with_target=True)
    assert (found.dense.shape, found.codes.shape) == ((0, len(made.dense)), (0, len(made.codes)))


@pytest.mark.slow
def test_330_000_rows_are_encoded_in_a_third_of_a_second() -> None:
    rng = np.random.default_rng(7)
    count = 330_000
    columns: dict[str, Any] = {f"x{i}": rng.normal(size=count) for i in range(9)}
    columns |= {f"c{i}": pa.array(rng.integers(0, 100, count)).cast(pa.string()) for i in range(3)}
    table = pa.table(
        {**columns, "t": pa.array(rng.integers(0, 10**9, count), pa.timestamp("us", "UTC")), "y": columns["x0"]}
    )
    steps = [*(step("numeric", f"x{i}") for i in range(9)), *(step("categorical", f"c{i}") for i in range(3))]
    made = fitted(table, *steps, step("datetime", "t", parts=["weekday", "hour"]))
    taken = []
    for _ in range(5):
        started = clock.perf_counter()
        encode(table, made, with_target=True)
        taken.append(clock.perf_counter() - started)
    assert min(taken) < 0.35
