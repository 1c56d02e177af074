"""Kinds of features made of numbers: buckets, ranks and powers."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from raytemplate.data.features.encoding import Encoded, FittedFeatures, encode, fit_features
from raytemplate.data.features.feature_statistics import feature_statistics
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings

AGES = pa.table({"x": [5.0, 17.0, 18.0, 40.0, 80.0, None]})


def fitted(table: pa.Table, kind: str, **more: Any) -> FittedFeatures:
    steps = (FeatureStep(kind=kind, column="x", settings=Settings(more)),)
    return fit_features(
        feature_statistics(table.append_column("y", pa.array(range(table.num_rows))), steps, "y"), steps
    )


def encoded(table: pa.Table, kind: str, new: pa.Table | None = None, **more: Any) -> Encoded:
    return encode(table if new is None else new, fitted(table, kind, **more), with_target=False)


def test_given_edges_make_ranges_with_missing_first() -> None:
    made = fitted(AGES, "buckets", edges=[18, 65])
    assert (made.codes, made.cardinalities) == (("x",), (4,))
    assert encode(AGES, made, with_target=False).codes.ravel().tolist() == [1, 1, 2, 2, 3, 0]


def test_one_hot_ranges_are_named_by_their_bounds() -> None:
    made = fitted(AGES, "buckets", edges=[18, 65], encoding="one-hot")
    assert made.dense == ("x=(missing)", "x<18", "18<=x<65", "65<=x")
    assert encode(AGES, made, with_target=False).dense.argmax(axis=1).tolist() == [1, 1, 2, 2, 3, 0]


def test_quantile_ranges_hold_as_many_rows_each() -> None:
    table = pa.table({"x": np.random.default_rng(7).exponential(1, 10_000)})
    found = encoded(table, "buckets", buckets=4)
    assert np.bincount(found.codes.ravel()).tolist() == pytest.approx([0, 2500, 2500, 2500, 2500], abs=15)


def test_ranges_of_a_column_that_never_changes_are_one() -> None:
    assert fitted(pa.table({"x": [3.0] * 9}), "buckets").cardinalities == (2,)
    assert fitted(pa.table({"x": pa.nulls(9)}), "buckets").cardinalities == (2,)


def test_ranks_are_normal_whatever_the_shape() -> None:
    table = pa.table({"x": np.random.default_rng(7).pareto(1, 20_000)})
    found = encoded(table, "quantile").dense.ravel()
    assert (found.mean(), found.std()) == (pytest.approx(0, abs=0.01), pytest.approx(1, abs=0.02))
    new = pa.table({"x": [-1e9, 0.9, 1e9, None]})
    low, middle, high, missing = encoded(table, "quantile", new).dense.ravel().tolist()
    assert -6 < low < -3.5 and 3.5 < high < 6 and abs(middle) < 0.1 and missing == 0


def test_uniform_ranks_run_from_minus_one_to_one() -> None:
    table = pa.table({"x": [1.0, 2.0, 2.0, 3.0, None]})
    assert encoded(table, "quantile", distribution="uniform").dense.ravel().tolist() == [-0.75, 0, 0, 0.75, 0]


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_power_finds_the_transform_that_was_undone(power: float) -> None:
    normal = np.random.default_rng(7).normal(0.3, 0.1, 50_000)  # within what every power can undo
    raw = np.expm1(np.log1p(normal * power) / power) if power else np.expm1(normal)
    made = fitted(pa.table({"x": raw}), "power")
    assert made.features[0].state["power"] == pytest.approx(power, abs=0.15)
    found = encode(pa.table({"x": raw}), made, with_target=False).dense.ravel()
    assert (found.mean(), found.std()) == (pytest.approx(0, abs=0.01), pytest.approx(1, abs=0.01))


@pytest.mark.parametrize("kind", ["buckets", "quantile", "power"])
@pytest.mark.parametrize(
    "values", [[1e308, -1e308, float("inf"), float("nan"), None, 5e-324], [0.0, None], [7.7e11] * 3, [None, None]]
)
def test_every_number_gives_a_finite_one(kind: str, values: list[float | None]) -> None:
    wild = pa.table(
        {"x": pa.array([1e308, -1e308, float("inf"), float("-inf"), float("nan"), None, 1.0], pa.float64())}
    )
    found = encoded(pa.table({"x": pa.array(values, pa.float64())}), kind, wild)
    assert np.isfinite(found.dense).all() and (np.abs(found.dense) <= 16).all()
