"""Means of the target: fitted on train only, no row sees its own target, the same in any order of blocks."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.data import statistics
from raytemplate.data.features.encoding import encode, fit_features
from raytemplate.data.features.feature_statistics import feature_statistics, merge
from raytemplate.data.target_means import MISSING, TargetMeanProfile, folds_of
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings, dumps, loads


def step(**more: Any) -> FeatureStep:
    return FeatureStep(kind="target-mean", column="c", settings=Settings({"fold_by": ["id"], **more}))


def rows_of(values: list[Any], targets: list[Any], first: int = 0) -> pa.Table:
    columns = {"c": pa.array(values, pa.string()), "id": pa.array(range(first, first + len(values)), pa.int64())}
    return pa.table({**columns, "y": pa.array(targets, pa.float64())})


def of(table: pa.Table, *, the_step: FeatureStep | None = None) -> TargetMeanProfile:
    found = feature_statistics(table, (the_step or step(),), "y").columns["target-mean:c"]
    assert isinstance(found, TargetMeanProfile)
    return found


some = st.lists(st.tuples(st.sampled_from(["a", "b", "é", None]), st.integers(-9, 9)), max_size=20)


@settings(deadline=None, max_examples=60)
@given(some, some, some)
def test_merging_is_order_free_and_equal_to_one_pass(a, b, c) -> None:
    parts, first = [], 0
    for part in (a, b, c):
        parts.append(feature_statistics(rows_of([v for v, _ in part], [y for _, y in part], first), (step(),), "y"))
        first += len(part)
    together = a + b + c
    whole = of(rows_of([v for v, _ in together], [y for _, y in together]))
    assert merge(parts[2], merge(parts[1], parts[0])).columns["target-mean:c"] == whole
    assert merge(merge(parts[0], parts[1]), parts[2]).columns["target-mean:c"] == whole
    assert loads(TargetMeanProfile, dumps(whole)) == whole


def test_a_value_becomes_its_mean_drawn_towards_that_of_all() -> None:
    train = rows_of(["a", "a", "a", "b", None], [10, 20, 30, 40, 0])
    made = fit_features(feature_statistics(train, (step(smoothing=2.0),), "y"), (step(smoothing=2.0),))
    assert (made.dense, made.columns) == (("c.target-mean",), ("c",))
    new = rows_of(["a", "b", None, "zz"], [0] * 4)
    found = encode(new, made, with_target=False)
    means = np.array([(60 + 2 * 20) / 5, (40 + 2 * 20) / 3, (0 + 2 * 20) / 3, 20])
    weights = np.array([3, 1, 1, 0]) / 5
    center = (means * weights).sum()
    expected = (means - center) / np.sqrt((np.square(means - center) * weights).sum())
    np.testing.assert_allclose(found.dense.ravel(), expected, rtol=1e-6, atol=1e-6)
    assert found.num_unknown == 1


def test_a_training_row_does_not_see_its_own_fold() -> None:
    rng = np.random.default_rng(7)
    train = rows_of([f"v{v}" for v in rng.integers(0, 5, 400)], rng.normal(50, 9, 400).tolist())
    made = fit_features(feature_statistics(train, (step(),), "y"), (step(),))
    before = encode(train, made, with_target=False, training=True).dense.ravel()
    folds = folds_of(train, ["id"], 5)
    changed = np.where(folds == 2, 1e6, train["y"].to_numpy())
    other = train.set_column(2, "y", pa.array(changed))
    again = fit_features(feature_statistics(other, (step(),), "y"), (step(),))
    after = encode(other, again, with_target=False, training=True).dense.ravel()

    def places(values):  # which rows are encoded alike: the scale changes with the target, this does not
        return np.unique(values[folds == 2], return_inverse=True)[1].tolist()

    assert places(after) == places(before)
    assert abs(np.corrcoef(before[folds == 2], after[folds == 2])[0, 1]) > 0.9999  # float32 beside 1e6


def test_a_column_that_says_nothing_says_nothing_in_training() -> None:
    rng = np.random.default_rng(7)
    train = rows_of([f"v{v}" for v in rng.integers(0, 900, 3000)], rng.normal(0, 1, 3000).tolist())
    made = fit_features(feature_statistics(train, (step(smoothing=0.1),), "y"), (step(smoothing=0.1),))
    target = train["y"].to_numpy()
    assert np.corrcoef(encode(train, made, with_target=False).dense.ravel(), target)[0, 1] > 0.4
    fair = encode(train, made, with_target=False, training=True).dense.ravel()
    assert abs(np.corrcoef(fair, target)[0, 1]) < 0.1


def test_a_row_is_in_the_same_fold_in_every_block() -> None:
    table = rows_of(["a"] * 1000, [0.0] * 1000)
    whole = folds_of(table, ["id"], 5)
    assert (
        np.concatenate([folds_of(table.slice(n, 100), ["id"], 5) for n in range(0, 1000, 100)]).tolist()
        == whole.tolist()
    )
    assert np.bincount(whole).tolist() == pytest.approx([200] * 5, abs=40)


def test_two_classes_become_the_share_of_the_positive_one() -> None:
    table = rows_of(["a", "a", "b", "b"], [0] * 4).set_column(2, "y", pa.array(["no", "yes", "yes", "yes"]))
    found = feature_statistics(table, (step(),), "y", "binary", "yes").columns["target-mean:c"]
    assert isinstance(found, TargetMeanProfile)
    assert {name: sum(sums) for name, sums in found.sums.items()} == {"a": 1.0, "b": 2.0}


def test_past_the_bound_the_most_frequent_values_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "MAX_DISTINCT", 2)
    found = of(rows_of(["a", "b", "b", None, None], [1, 2, 3, 4, 5]))
    assert set(found.counts) == {"b", MISSING} and sum(found.all_counts) == 5 and sum(found.all_sums) == 15
