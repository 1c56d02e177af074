"""What a metric is and what it is for. Light: checking and planning a template import no array library."""

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
    """A metric. Its rows weigh the same.

    Predictions are float64 [rows]: a number, or for two classes the probability of the second; for more classes they
    are [rows, classes]. A target is float64 [rows]: the number, or the index of the class.

    Args:
        id: the name a template uses.
        version: counts up when the formula changes; values of different versions are never compared.
        higher_is_better: the direction.
        unit: "target" (the target's own), "squared" (its square), "nats" or "share" (none; 1 is the most).
        formula: "module:attribute" of what computes it: `formula.Sums`, or a function like it.
        tasks: what `data.task` may be.
        least, most: the values between which it always is, so that a limit beyond them is told before a run.
        quantile: for metrics of a quantile, the one that it is at: the median, unless another one is predicted.
        of_errors: whether only a model without any error reaches the best end.
    """

    id: str
    version: int
    higher_is_better: bool
    unit: Unit
    formula: str
    tasks: frozenset[str] = frozenset({"regression"})
    least: float = -math.inf
    most: float = math.inf
    quantile: float | None = None
    of_errors: bool = True

    @property
    def best(self) -> float | None:
        """What a model without any error has and no other; None where that is not known."""
        end, perfect = (self.most, 1.0) if self.higher_is_better else (self.least, 0.0)
        return perfect if self.of_errors and end == perfect else None

    def __call__(self, target: Floats, prediction: Floats) -> float:
        """The metric over all rows."""
        import numpy as np

        return self.drawn(target, prediction, np.zeros(len(target), np.int64), np.zeros((0, 1))).value

    def drawn(self, target: Floats, prediction: Floats, groups: Groups, counts: Floats) -> Drawn:
        """The metric over all rows and over each draw of a bootstrap.

        Args:
            groups: the group of each row, from 0; not every group needs rows.
            counts: how often each draw holds each group, float64 [resamples, groups].
        """
        at = {} if self.quantile is None else {"quantile": self.quantile}
        return plugins.resolve(self.formula)(target, prediction, groups, counts, **at)


def metric_of(name: str, quantile: float | None = None) -> Metric:
    """The metric of that name; a metric of quantiles is at the one that is predicted.

    Raises:
        PluginError: no such metric, or one that cannot be used.
    """
    metric: Metric = plugins.load(plugins.METRICS, name)
    return metric if metric.quantile is None or quantile is None else replace(metric, quantile=quantile)


def metrics_for(task: str) -> tuple[str, ...]:
    """Names of the metrics that can judge a task, sorted."""
    return tuple(sorted(name for name, metric in plugins.every(plugins.METRICS).items() if task in metric.tasks))


def distance_from_best(name: str, value: float) -> float | None:
    """How far a value is from the best that the metric can be: its loss, 0 or more; None where no worst is known.

    That is the value of a loss such as log-loss, and 1 - value of a share such as AUC.
    """
    metric = metric_of(name)
    if metric.higher_is_better:
        return metric.most - value if math.isfinite(metric.least) and math.isfinite(metric.most) else None
    return value - metric.least if math.isfinite(metric.least) else None


def range_of(name: str) -> tuple[float, float]:
    """The least and the most that a metric can be, infinite where nothing says so or no metric has that name."""
    metric = plugins.load(plugins.METRICS, name) if plugins.is_known(plugins.METRICS, name) else None
    return getattr(metric, "least", -math.inf), getattr(metric, "most", math.inf)
