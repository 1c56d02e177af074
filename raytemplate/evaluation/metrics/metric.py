"""What a metric is and where it applies. Kept light: checking and planning must import no array library."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from raytemplate import plugins

if TYPE_CHECKING:
    from raytemplate.evaluation.metrics.formula import Drawn, Floats, Groups

Unit = Literal["target", "squared", "share", "nats"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A metric, in which all rows have the same weight.

    Predictions are float64 [rows]: a number, or for two classes the probability of the second; for more classes they
    are [rows, classes]. A target is float64 [rows]: the number, or the index of the class.
    """

    id: str
    """Its name in templates."""

    version: int
    """Rises when the formula changes; values of different versions are never compared."""

    higher_is_better: bool
    """Whether greater values are better."""

    unit: Unit
    """Unit of its values: "target" (the target's own), "squared" (its square), "nats" or "share" (none, at most 1)."""

    formula: str
    """What computes it, as "module:attribute": a `formula.Sums`, or a function with the same signature."""

    tasks: frozenset[str] = frozenset({"regression"})
    """Allowed values of `data.task`."""

    least: float = -math.inf
    """Least possible value, so that an impossible limit is reported before a run."""

    most: float = math.inf
    """Greatest possible value."""

    quantile: float | None = None
    """For metrics of a quantile, which one: the median, unless another one is predicted. None for other metrics."""

    needs_quantile: bool = False
    """Whether it judges predictions of a quantile only, which `training.loss: quantile` makes."""

    cannot_decide: str = ""
    """Why it cannot be the deciding metric, and which can, as the end of a sentence about it; "" if it can."""

    of_errors: bool = True
    """Whether only a model without any error reaches the best value."""

    @property
    def best(self) -> float | None:
        """The value that only a model without any error has; None if there is no such value."""
        end, perfect = (self.most, 1.0) if self.higher_is_better else (self.least, 0.0)
        return perfect if self.of_errors and end == perfect else None

    def __call__(self, target: Floats, prediction: Floats) -> float:
        """The metric over all rows."""
        import numpy as np

        return self.drawn(target, prediction, np.zeros(len(target), np.int64), np.zeros((0, 1))).value

    def drawn(self, target: Floats, prediction: Floats, groups: Groups, counts: Floats) -> Drawn:
        """The metric over all rows and over each draw of a bootstrap.

        Args:
            groups: the group of each row, from 0; groups may be empty.
            counts: how often each draw contains each group, float64 [resamples, groups].
        """
        at = {} if self.quantile is None else {"quantile": self.quantile}
        return plugins.resolve(self.formula)(target, prediction, groups, counts, **at)


def metric_of(name: str, quantile: float | None = None) -> Metric:
    """The metric of that name; a metric of a quantile uses the predicted one.

    Raises:
        PluginError: there is no such metric, or it cannot be used.
    """
    metric: Metric = plugins.load(plugins.METRICS, name)
    return metric if metric.quantile is None or quantile is None else replace(metric, quantile=quantile)


def metrics_for(task: str) -> tuple[str, ...]:
    """Names of the metrics that can judge a task, sorted."""
    return tuple(sorted(name for name, metric in plugins.every(plugins.METRICS).items() if task in metric.tasks))


def distance_from_best(name: str, value: float) -> float | None:
    """The distance of a value from the best possible one, 0 or more; None if the metric is not bounded that way.

    It is the value itself for a loss such as log-loss, and 1 - value for a share such as AUC.
    """
    metric = metric_of(name)
    if metric.higher_is_better:
        return metric.most - value if math.isfinite(metric.least) and math.isfinite(metric.most) else None
    return value - metric.least if math.isfinite(metric.least) else None


def range_of(name: str) -> tuple[float, float]:
    """(least, greatest) possible value of a metric; infinite if there is no bound or no metric of that name."""
    metric = plugins.load(plugins.METRICS, name) if plugins.is_known(plugins.METRICS, name) else None
    return getattr(metric, "least", -math.inf), getattr(metric, "most", math.inf)
