"""What a metric is: sums of per-row statistics and a formula over those sums, or a way of its own to be drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from raytemplate import plugins

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]
Unit = Literal["target", "squared", "share", "nats"]

_NO_DRAWS = np.zeros((0, 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A metric of one model: over all rows, and over each draw of a bootstrap, float64 [resamples]."""

    value: float
    draws: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A metric as sufficient statistics, so that a bootstrap over groups is one matrix product and reads no row twice.

    Predictions are float64 [rows]: a number, or for two classes the probability of the second; for more classes they
    are [rows, classes]. A target is float64 [rows]: the number, or the index of the class.

    Args:
        id: the name a template uses.
        version: counts up when the formula changes; values of different versions are never compared.
        higher_is_better: the direction.
        unit: "target" (the target's own), "squared" (its square), "nats" or "share" (none; 1 is the most).
        statistics: (target, prediction) -> float64 [rows, k]; column 0 is the count, 1.0 a row. Rows of one call may be
            summed in any grouping; rows of two calls may not, as R2 centres on the call's mean.
        value: float64 [..., k], sums of such rows -> float64 [...]; NaN where the metric has no value.
        draw: instead of these two, for what is no sum over rows: (target, prediction, group of each row int64 [rows],
            how often each draw holds each group float64 [resamples, groups]) -> the value over all rows and the draws.
        tasks: what `data.task` may be.
        least, most: the values between which it always is, so that a limit beyond them is told before a run.
        at_quantile: for metrics of a quantile, the metric at that quantile; this one is then at the median.
    """

    id: str
    version: int
    higher_is_better: bool
    unit: Unit
    statistics: Callable[[Floats, Floats], Floats] | None = None
    value: Callable[[Floats], Floats] | None = None
    draw: Callable[[Floats, Floats, Groups, Floats], Drawn] | None = None
    tasks: frozenset[str] = frozenset({"regression"})
    at_quantile: Callable[[float], Metric] | None = None
    least: float = -math.inf
    most: float = math.inf

    def __call__(self, target: Floats, prediction: Floats) -> float:
        """The metric over all rows."""
        return self.drawn(target, prediction, np.zeros(len(target), np.int64), _NO_DRAWS).value

    def drawn(self, target: Floats, prediction: Floats, groups: Groups, counts: Floats) -> Drawn:
        """The metric over all rows and over each draw.

        Args:
            groups: the group of each row, from 0; not every group needs rows.
            counts: how often each draw holds each group, float64 [resamples, groups].
        """
        if self.draw is not None:
            return self.draw(target, prediction, groups, counts)
        assert self.statistics is not None and self.value is not None
        sums = group_sums(self.statistics(target, prediction), groups, counts.shape[1])
        return drawn_from(sums, self.value, counts)


def metric_of(name: str, quantile: float | None = None) -> Metric:
    """The metric of that name; a metric of quantiles is at the one that is predicted.

    Raises:
        PluginError: no such metric, or one that cannot be used.
    """
    metric: Metric = plugins.load(plugins.METRICS, name)
    return metric.at_quantile(quantile) if metric.at_quantile is not None and quantile is not None else metric


def group_sums(statistics: Floats, groups: Groups, num_groups: int = 0) -> Floats:
    """Sums of float64 [rows, k] by group: float64 [groups, k]. At least `num_groups` groups."""
    columns = [np.bincount(groups, weights=column, minlength=num_groups) for column in statistics.T]
    return np.column_stack(columns).astype(np.float64, copy=False)


def cell_sums(groups: Groups, num_groups: int, cell: NDArray[Any], num_cells: int, weights: Floats | None) -> Floats:
    """Rows (or their weights) counted by group and cell: float64 [groups, cells]."""
    place = groups * num_cells + cell
    flat = np.bincount(place, weights=weights, minlength=num_groups * num_cells)
    return flat.astype(np.float64, copy=False).reshape(num_groups, num_cells)


def drawn_from(sums: Floats, value: Callable[[Floats], Floats], counts: Floats) -> Drawn:
    """A formula over the sums of all groups, and over those of each draw."""
    return Drawn(value=float(value(sums.sum(axis=0))), draws=value(counts @ sums))
