import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from raytemplate.evaluation.alone import explained
from raytemplate.evaluation.metrics.metric import metric_of

ROWS = 2_000
DRAWN = np.random.default_rng(1)
SKEWED = np.exp(1.2 * DRAWN.normal(size=ROWS))
CHURNED = (DRAWN.random(ROWS) < 0.2).astype(np.float64)
NOISE = DRAWN.normal(size=ROWS)
HOUR = np.timedelta64(3_600_000_000, "us")
NUMBERS = ["mae", "rmse", "r2", "pinball"]
CLASSES = ["log-loss", "auc", "accuracy", "brier"]


def of_number(column: Any, metric: str = "rmse", target: Any = SKEWED) -> float:
    return explained(pa.array(column), target, metric=metric_of(metric, 0.9))


def of_class(column: Any, metric: str = "log-loss", target: Any = CHURNED, num_classes: int = 2) -> float:
    return explained(pa.array(column), target, metric=metric_of(metric), num_classes=num_classes)


@pytest.mark.parametrize("metric", NUMBERS)
@pytest.mark.parametrize(
    "column",
    [
        pytest.param(SKEWED, id="the target"),
        pytest.param(7 - 3 * SKEWED, id="scaled"),
        pytest.param(SKEWED + 0.01 * NOISE, id="with a little noise"),
        pytest.param([f"{value:.4f}" for value in SKEWED], id="as text"),
    ],
)
def test_a_column_made_of_the_number_explains_it(column: Any, metric: str):
    assert of_number(column, metric) >= 0.98


@pytest.mark.parametrize("metric", CLASSES)
@pytest.mark.parametrize(
    "column",
    [
        pytest.param(CHURNED, id="the target"),
        pytest.param(np.where(CHURNED == 1, "left", "stays"), id="in words"),
        pytest.param(CHURNED == 1, id="as a boolean"),
        pytest.param(CHURNED + 0.1 * NOISE, id="with noise"),
        pytest.param([None if c else 1.5 for c in CHURNED], id="missing where it is so"),
        pytest.param([f"2024-{i}" if c else None for i, c in enumerate(CHURNED)], id="filled only where it is so"),
        pytest.param([f"{'L' if c else 'S'}{i}" for i, c in enumerate(CHURNED)], id="a letter of an id"),
        pytest.param([10 * i + int(c) for i, c in enumerate(CHURNED)], id="the last digit of an id"),
    ],
)
def test_a_column_made_of_the_class_explains_it(column: Any, metric: str):
    assert of_class(column, metric) >= 0.98


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(NOISE, id="noise"),
        pytest.param([f"id{i:05}" for i in range(ROWS)], id="ids"),
        pytest.param(range(ROWS), id="a counter"),
        pytest.param([None] * ROWS, id="nothing"),
        pytest.param([[1, 2]] * ROWS, id="lists"),
        pytest.param(np.datetime64("2024-01-01", "us") + np.arange(ROWS) * HOUR, id="times"),
    ],
)
def test_a_column_that_says_nothing_explains_next_to_nothing(column: Any):
    assert -0.2 < of_number(column) < 0.02
    assert -0.2 < of_class(column) < 0.02


def test_a_legitimate_column_of_correlation_99_stays_below_the_limit():
    distance = 0.99 * NOISE + np.sqrt(1 - 0.99**2) * np.random.default_rng(2).normal(size=ROWS)
    assert of_number(distance, "rmse", NOISE) == pytest.approx(0.86, abs=0.01)


def test_time_does_not_explain_what_only_moves_slowly():
    walk = np.cumsum(NOISE)
    times = np.datetime64("2024-01-01", "us") + np.arange(ROWS) * HOUR
    assert of_number(times, "rmse", walk) < 0.95


def test_a_number_that_only_names_a_group_does_not_explain_what_the_group_has_in_common():
    group = np.arange(ROWS) // 10
    income, spent = np.random.default_rng(4).normal(size=(2, ROWS // 10))
    column, target, rmse = pa.array(income[group]), spent[group], metric_of("rmse")
    assert explained(column, target, metric=rmse) >= 0.98
    assert explained(column, target, metric=rmse, groups=group) < 0.02
    assert explained(pa.array(target), target, metric=rmse, groups=group) >= 0.98


def test_more_than_two_classes_are_explained_by_their_name_and_not_by_noise():
    target = np.random.default_rng(3).integers(0, 7, ROWS).astype(np.float64)
    assert of_class([f"class {n:.0f}" for n in target], "log-loss", target, 7) >= 0.98
    assert of_class(NOISE, "log-loss", target, 7) < 0.02


@pytest.mark.parametrize("target", [np.full(ROWS, 3.0), np.full(ROWS, np.nan)], ids=["constant", "missing"])
def test_nothing_is_explained_where_the_target_says_nothing(target: Any):
    assert of_number(target, "mae", target) == 0


def test_the_same_rows_and_seed_give_the_same_share():
    noisy = SKEWED + NOISE
    assert of_number(noisy) == of_number(noisy)


TYPES = [
    pa.null(), pa.bool_(), pa.int8(), pa.uint8(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(),
    pa.decimal128(9, 2), pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.binary(),
    pa.date32(), pa.date64(), pa.timestamp("us"), pa.timestamp("ns", "UTC"), pa.time32("s"), pa.time64("us"),
    pa.duration("s"), pa.list_(pa.int64()), pa.struct([("a", pa.int64())]),
]  # fmt: skip
ONE_VALUE = {pa.list_(pa.int64()): [1, 2], pa.struct([("a", pa.int64())]): {"a": 1}, pa.binary(): b"\xff"}
TARGETS: dict[str, tuple[Any, int]] = {
    "number": (SKEWED, 0),
    "binary": (CHURNED, 2),
    "three classes": (np.arange(ROWS) % 3.0, 3),
}


def one_value(kind: Any) -> Any:
    if pa.types.is_null(kind):
        return None
    if pa.types.is_temporal(kind):
        return pa.scalar(0, pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind).as_py()
    if pa.types.is_boolean(kind):
        return True
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)
    return "x" if text else np.float16(1) if kind == pa.float16() else ONE_VALUE.get(kind, 1)


HARD = {
    **{f"{kind}, nothing": pa.nulls(ROWS, kind) for kind in TYPES},
    **{f"{kind}, one value": pa.array([one_value(kind)] * ROWS, kind) for kind in TYPES},
    **{f"{kind}, one value and nothing": pa.array([one_value(kind), None] * (ROWS // 2), kind) for kind in TYPES},
    **{f"{kind}, {n}": pa.array(np.full(ROWS, n), kind) for kind in (pa.float32(), pa.float64())
       for n in (np.nan, np.inf, -np.inf)},
    "both infinities": pa.array([np.inf, -np.inf] * (ROWS // 2)),
    "numbers beyond their squares": pa.array(1e300 * NOISE),
    "an infinite number among others": pa.array(np.where(CHURNED == 1, np.inf, NOISE)),
    "text of infinities": pa.array([f"{'-' * (i % 2)}inf" for i in range(ROWS)]),
    "text that is blank": pa.array([" " * i for i in range(ROWS)]),
    "no chunks": pa.chunked_array([], pa.float64()),
}  # fmt: skip


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("name", HARD)
def test_every_column_is_judged_by_a_finite_share(name: str, task: str):
    target, num_classes = TARGETS[task]
    metric = metric_of("log-loss" if num_classes else "rmse")
    share = explained(HARD[name], target[: len(HARD[name])], metric=metric, num_classes=num_classes)
    assert math.isfinite(share) and share <= 1


HOURS = 14 * 24
TIMES = np.datetime64("2024-01-01", "us") + np.arange(HOURS) * HOUR
USED = np.random.default_rng(6).gamma(20, size=HOURS) * (2 + np.sin(np.arange(HOURS) * np.pi / 12))
METER, TREND = np.cumsum(USED), np.arange(HOURS) + np.random.default_rng(7).normal(size=HOURS)
RUNS_ALONG = {
    "the time": TIMES,
    "a counter": np.arange(HOURS),
    "a counter as text": [f"{n:06}" for n in range(HOURS)],
    "a counter with gaps, falling": -np.cumsum(np.random.default_rng(8).integers(1, 4, HOURS)),
    "the day in words": [f"day {n // 24}" for n in range(HOURS)],
    "the reading before": np.append(0, METER[:-1]),
}


@pytest.mark.parametrize("groups", [None, np.arange(HOURS) // 24], ids=["rows", "days"])
@pytest.mark.parametrize("target", [METER, TREND], ids=["a meter", "a trend"])
@pytest.mark.parametrize("column", RUNS_ALONG.values(), ids=RUNS_ALONG)
def test_a_column_that_only_runs_along_with_time_does_not_explain_what_does_too(column: Any, target: Any, groups: Any):
    metric = metric_of("rmse")
    assert explained(pa.array(column), target, metric=metric, groups=groups, in_order=True) < 0.95


@pytest.mark.parametrize("target", [METER, TREND, NOISE], ids=["a meter", "a trend", "noise"])
@pytest.mark.parametrize("noise", [0, 0.001], ids=["a copy", "with noise"])
def test_a_copy_explains_what_runs_along_with_time(target: Any, noise: float):
    column = 3 * target + noise * np.random.default_rng(9).normal(size=len(target))
    assert explained(pa.array(column), target, metric=metric_of("rmse"), in_order=True) >= 0.98


@pytest.mark.parametrize("column", [np.arange(ROWS) >= 900, np.where(np.arange(ROWS) >= 900, "left", "stays")])
def test_a_copy_explains_a_class_that_changes_once(column: Any):
    target = (np.arange(ROWS) >= 900).astype(np.float64)
    share = explained(pa.array(column), target, metric=metric_of("log-loss"), num_classes=2, in_order=True)
    assert share >= 0.98
    counter = explained(pa.array(range(ROWS)), target, metric=metric_of("log-loss"), num_classes=2, in_order=True)
    assert counter < 0.95
