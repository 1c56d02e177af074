"""`linear` finds the same solutions as scikit-learn, and the slopes of its losses are correct."""

import numpy as np
import pytest
from sklearn.linear_model import HuberRegressor, LogisticRegression, QuantileRegressor, Ridge

from raytemplate import plugins
from raytemplate.models.context import Layout
from raytemplate.models.linear.objective import check_losses, huber_losses, softmax_losses
from raytemplate.models.linear.predict import LinearPredictor
from raytemplate.models.options import TrainingSpec
from raytemplate.testing.loop_context import MemoryContext, Rows

SIZE = 6


def made(target: str, num_rows: int = 1500) -> Rows:
    """Noisy rows: a number, or the index of one of two or three classes, that depends on two numbers and a category."""
    random = np.random.default_rng(5)
    dense = random.normal(size=(num_rows, 2)).astype(np.float32)
    codes = random.integers(2, SIZE, (num_rows, 1)).astype(np.int32)
    score = dense[:, 0] - 0.5 * dense[:, 1] + 0.4 * codes[:, 0]
    noisy = score + random.gumbel(size=num_rows)
    cuts = {"number": (), "binary": (1.8,), "multiclass": (1.2, 2.6)}[target]
    values = 20 + 3 * noisy if target == "number" else np.searchsorted(cuts, noisy)
    return Rows(dense=dense, codes=codes, target=values.astype(np.float32))


def one_hot(rows: Rows) -> np.ndarray:
    return np.concatenate([rows.dense, np.eye(SIZE)[rows.codes[:, 0]]], axis=1).astype(np.float64)


def fitted(rows: Rows, folder, task: str = "regression", *, l2: float = 1.0, **training: object) -> np.ndarray:
    num = int(rows.target.max()) + 1 if task != "regression" else 0
    layout = Layout(
        dense=("x", "y"),
        codes=("group",),
        cardinalities=(SIZE,),
        task=task,
        classes=tuple("abc"[:num]),
        class_counts=tuple(np.bincount(rows.target.astype(int))) if num else (),
        target_mean=float(rows.target.mean()),
        target_std=float(rows.target.std()),
    )
    family = plugins.load(plugins.FAMILIES, "linear")
    context = MemoryContext({"train": rows, "validation": rows}, layout, folder)
    loop = plugins.resolve(family.loop)
    if task == "multiclass":
        context.measure = lambda pairs: float(sum((p.argmax(axis=1) != t).mean() for t, p in pairs))  # type: ignore[method-assign]
    loop(context, family.options(l2=l2, max_steps=2000), TrainingSpec(**training))
    assert context.epochs[-1] < 2000, "it ended by itself"
    return LinearPredictor.load(context.checkpoint()[0], layout).predict(rows.dense, rows.codes)


@pytest.mark.parametrize("l2", [0.1, 50.0])
def test_squared_errors_give_the_ridge_of_scikit_learn(tmp_path, l2):
    rows = made("number")
    theirs = Ridge(alpha=l2).fit(one_hot(rows), rows.target).predict(one_hot(rows))
    assert np.abs(fitted(rows, tmp_path, l2=l2) - theirs).max() < 1e-3


@pytest.mark.parametrize("l2", [0.1, 50.0])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_give_the_logistic_regression_of_scikit_learn(tmp_path, task, l2):
    rows = made(task)
    model = LogisticRegression(C=1 / l2, tol=1e-8, max_iter=5000).fit(one_hot(rows), rows.target)
    theirs = model.predict_proba(one_hot(rows))
    ours = fitted(rows, tmp_path, task, l2=l2, loss="log-loss")
    assert np.abs(ours - (theirs[:, 1] if task == "binary" else theirs)).max() < 1e-3


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_quantiles_cost_no_more_than_with_the_linear_program_of_scikit_learn(tmp_path, quantile):
    rows = made("number")
    model = QuantileRegressor(quantile=quantile, alpha=0.0).fit(one_hot(rows), rows.target)
    ours = fitted(rows, tmp_path, l2=1e-6, loss="quantile", quantile=quantile)

    def cost(predicted: np.ndarray) -> float:
        above = rows.target - predicted
        return float(np.maximum(quantile * above, (quantile - 1) * above).mean())

    assert cost(ours) < 1.0005 * cost(model.predict(one_hot(rows)))
    assert (rows.target <= ours).mean() == pytest.approx(quantile, abs=0.01)


def test_absolute_errors_are_the_quantile_of_a_half(tmp_path):
    rows = made("number")
    half = fitted(rows, tmp_path / "1", loss="quantile", quantile=0.5)
    assert np.abs(half - fitted(rows, tmp_path / "2", loss="mae")).max() < 1e-6


def test_huber_is_not_moved_by_a_few_wild_rows(tmp_path):
    rows = made("number")
    theirs = HuberRegressor(epsilon=1.35, alpha=0.0).fit(one_hot(rows), rows.target).predict(one_hot(rows))
    rows.target[:15] = 2000
    ours = {loss: fitted(rows, tmp_path / loss, loss=loss)[15:] for loss in ("mse", "huber")}
    away = {loss: np.abs(values - theirs[15:]).mean() for loss, values in ours.items()}
    assert away["huber"] < 0.2 * away["mse"]


@pytest.mark.parametrize(
    "loss",
    [
        lambda e: huber_losses(e, 1.0),
        lambda e: huber_losses(e, np.inf),
        lambda e: check_losses(e, 0.9, 0.3),
    ],
)
def test_slopes_are_those_of_the_losses(loss):
    errors = np.linspace(-2.03, 2.03, 101)
    (after, _), (before, _) = loss(errors + 1e-6), loss(errors - 1e-6)
    assert np.allclose((after - before) / 2e-6, loss(errors)[1], atol=1e-6)


def test_slopes_of_the_softmax_loss():
    random = np.random.default_rng(1)
    outputs, target = random.normal(size=(7, 3)), random.integers(0, 3, 7)
    for place in range(3):
        step = np.eye(3)[place] * 1e-6
        (after, _), (before, _) = softmax_losses(outputs + step, target), softmax_losses(outputs - step, target)
        assert np.allclose((after - before) / 2e-6, softmax_losses(outputs, target)[1][:, place], atol=1e-6)
