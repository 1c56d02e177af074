"""Metrics of classes and quantiles: equal to scikit-learn's, and drawn by group as if computed for each draw."""

import numpy as np
import pytest
from sklearn import metrics as reference

from raytemplate import plugins
from raytemplate.evaluation.intervals import draw_counts
from raytemplate.evaluation.metrics.metric import metric_of
from raytemplate.evaluation.metrics.ranking import MAX_BINS

NAMES = ("log-loss", "brier", "accuracy", "f1", "auc", "ece")


def two_classes(num_rows=3000, seed=0, digits=12):
    """Index of the class and calibrated probability of the second, to which three in ten rows belong."""
    rng = np.random.default_rng(seed)
    probability = np.round(rng.beta(1.5, 3.5, num_rows), digits)
    return (rng.random(num_rows) < probability).astype(np.float64), probability


def three_classes(num_rows=3000, seed=0):
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet([3, 1, 0.5], num_rows)
    target = (rng.random((num_rows, 1)) > probability.cumsum(axis=1)).sum(axis=1)
    return np.minimum(target, 2).astype(np.float64), probability


OF_TWO = {
    "log-loss": reference.log_loss,
    "brier": reference.brier_score_loss,
    "accuracy": lambda y, p: reference.accuracy_score(y, p >= 0.5),
    "f1": lambda y, p: reference.f1_score(y, p >= 0.5),
    "auc": reference.roc_auc_score,
}
OF_MORE = {
    "log-loss": reference.log_loss,
    "brier": lambda y, p: reference.brier_score_loss(y, p, scale_by_half=False),
    "accuracy": lambda y, p: reference.accuracy_score(y, p.argmax(axis=1)),
    "f1": lambda y, p: reference.f1_score(y, p.argmax(axis=1), average="macro"),
    "auc": lambda y, p: reference.roc_auc_score(y, p, multi_class="ovr", average="macro"),
}


@pytest.mark.parametrize("name", OF_TWO)
@pytest.mark.parametrize("digits", [1, 2, 12], ids=["many ties", "100 values", "no ties"])
def test_two_classes_agree_with_scikit_learn(name, digits):
    target, probability = two_classes(digits=digits)
    assert metric_of(name)(target, probability) == pytest.approx(OF_TWO[name](target, probability), rel=1e-10)


@pytest.mark.parametrize("name", OF_MORE)
def test_three_classes_agree_with_scikit_learn(name):
    target, probability = three_classes()
    assert metric_of(name)(target, probability) == pytest.approx(OF_MORE[name](target, probability), rel=1e-10)


def test_calibration_error_by_hand():
    said = np.array([0.05, 0.05, 0.95, 0.95])
    assert metric_of("ece")(np.array([0.0, 1.0, 1.0, 1.0]), said) == pytest.approx((0.9 + 0.1) / 4)
    both = np.column_stack([1 - said, said])
    assert metric_of("ece")(np.array([0.0, 1.0, 1.0, 1.0]), both) == pytest.approx(0.95 - 3 / 4)


def test_draws_of_auc_are_near_exact_where_probabilities_are_many():
    target, probability = two_classes(num_rows=20_000)
    assert len(np.unique(probability)) > 10 * MAX_BINS
    groups = np.arange(len(target)) % 14
    counts = draw_counts(14, 20, seed=2)
    drawn = metric_of("auc").drawn(target, probability, groups, counts)
    exact = [reference.roc_auc_score(target, probability, sample_weight=count[groups]) for count in counts]
    assert np.abs(drawn.draws - exact).max() < 1e-4
    assert np.std(exact) > 1e-3


def test_auc_of_one_class_only_has_no_value_and_an_absent_third_is_left_out():
    assert np.isnan(metric_of("auc")(np.ones(5), np.linspace(0, 1, 5)))
    target, probability = two_classes()
    three = np.column_stack([1 - probability, probability, np.zeros_like(probability)])
    assert metric_of("auc")(target, three) == pytest.approx(metric_of("auc")(target, probability))


def test_what_was_called_impossible_costs_much_and_not_everything():
    assert metric_of("log-loss")(np.ones(1), np.zeros(1)) == pytest.approx(-np.log(1e-15))


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_pinball_agrees_with_scikit_learn_at_the_quantile_that_is_predicted(quantile):
    rng = np.random.default_rng(0)
    target, prediction = rng.normal(size=500), rng.normal(size=500)
    expected = reference.mean_pinball_loss(target, prediction, alpha=quantile)
    assert metric_of("pinball", quantile)(target, prediction) == pytest.approx(expected, rel=1e-12)
    assert metric_of("coverage", quantile)(target, prediction) == (target <= prediction).mean()


@pytest.mark.parametrize("name", plugins.names(plugins.METRICS))
def test_a_metric_has_the_name_it_is_entered_under_and_what_computes_it(name):
    metric = metric_of(name)
    assert metric.id == name and metric.tasks <= {"regression", "binary", "multiclass"}
    assert callable(plugins.resolve(metric.formula))
