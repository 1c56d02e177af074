"""The contract of a metric as tests; the author of a metric subclasses the suite.

class TestMine(MetricSuite):
    metric = "mine"
"""

import typing
from typing import ClassVar

import numpy as np
import pytest

from raytemplate import plugins
from raytemplate.data.options import Task
from raytemplate.evaluation.intervals import draw_counts
from raytemplate.evaluation.metrics.formula import Floats
from raytemplate.evaluation.metrics.metric import Metric, Unit, metric_of, range_of
from raytemplate.loss import loss

_NUM_ROWS, _NUM_GROUPS, _NUM_DRAWS = 300, 7, 10
_NUM_CLASSES = {"binary": 2, "multiclass": 3}


def predictions_of(task: str) -> tuple[Floats, Floats, Floats]:
    """(target, a prediction with errors, the perfect prediction), float64, in the shapes that `Metric` defines for the
    task."""
    random = np.random.default_rng(5)
    if task == "regression":
        target = random.normal(50, 10, _NUM_ROWS)
        return target, target + random.normal(0, 3, _NUM_ROWS), target.copy()
    num_classes = _NUM_CLASSES[task]
    target = random.integers(0, num_classes, _NUM_ROWS)
    perfect = np.eye(num_classes)[target]
    found = 0.5 * perfect + 0.5 * random.dirichlet(np.ones(num_classes), _NUM_ROWS)
    if task == "binary":
        found, perfect = found[:, 1], perfect[:, 1]
    return target.astype(np.float64), found, perfect


class MetricSuite:
    """What every metric must do, for each task that it names."""

    metric: ClassVar[str]
    """Its name in `plugins.py` or among the entry points."""
    quantile: ClassVar[float | None] = None
    """The quantile to test it at, if it is a metric of a quantile."""

    def test_it_says_what_it_is(self) -> None:
        metric = plugins.load(plugins.METRICS, self.metric)
        assert metric.id == self.metric, "its id is the name that templates use"
        assert metric.version >= 1 and isinstance(metric.higher_is_better, bool)
        assert metric.unit in typing.get_args(Unit)
        assert metric.tasks and metric.tasks <= set(typing.get_args(Task))

    def test_its_values_lie_in_the_range_that_it_names(self) -> None:
        least, most = range_of(self.metric)
        for target, found, perfect in self._all():
            for prediction in (found, perfect):
                assert least <= self._metric()(target, prediction) <= most

    def test_the_same_rows_give_the_same_value_in_any_order(self) -> None:
        for target, prediction, _ in self._all():
            kept = target.copy(), prediction.copy()
            value = self._metric()(target, prediction)
            assert np.isfinite(value) and value == self._metric()(target, prediction)
            order = np.random.default_rng(1).permutation(_NUM_ROWS)
            assert self._metric()(target[order], prediction[order]) == pytest.approx(value, rel=1e-9)
            assert np.array_equal(kept[0], target) and np.array_equal(kept[1], prediction), "it changed what it got"

    def test_a_draw_is_the_metric_of_the_rows_it_holds(self) -> None:
        """Sums of groups merge: each draw of an interval equals the metric computed on the drawn rows."""
        counts = draw_counts(_NUM_GROUPS, _NUM_DRAWS, seed=2)
        groups = np.random.default_rng(1).integers(0, _NUM_GROUPS, _NUM_ROWS)
        for target, prediction, _ in self._all():
            drawn = self._metric().drawn(target, prediction, groups, counts)
            assert drawn.draws.shape == (_NUM_DRAWS,)
            assert drawn.value == pytest.approx(self._metric()(target, prediction), rel=1e-9)
            for draw, count in zip(drawn.draws, counts, strict=True):
                held = np.repeat(np.arange(_NUM_ROWS), count[groups].astype(np.int64))
                assert draw == pytest.approx(self._metric()(target[held], prediction[held]), rel=1e-6)

    def test_a_group_without_rows_counts_for_nothing(self) -> None:
        groups, counts = np.zeros(_NUM_ROWS, np.int64), np.array([[1.0, 0.0], [2.0, 3.0]])
        for target, prediction, _ in self._all():
            drawn = self._metric().drawn(target, prediction, groups, counts)
            assert drawn.draws == pytest.approx(drawn.value, rel=1e-9)

    def test_the_perfect_prediction_is_no_worse_than_one_of_other_rows(self) -> None:
        """`higher_is_better` is correct: gates and the choice of the best epoch rely on it."""
        for target, _, perfect in self._all():
            other = perfect[np.random.default_rng(1).permutation(_NUM_ROWS)]
            values = (self._metric()(target, each) for each in (perfect, other))
            best, worse = (loss(each, higher_is_better=self._metric().higher_is_better) for each in values)
            assert best <= worse

    def _metric(self) -> Metric:
        return metric_of(self.metric, self.quantile)

    def _all(self) -> list[tuple[Floats, Floats, Floats]]:
        return [predictions_of(task) for task in sorted(self._metric().tasks)]
