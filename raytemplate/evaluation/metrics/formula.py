"""How a metric is computed: from sums of per-row statistics and a formula over them, or by a function of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A metric of one model."""

    value: float
    """The metric over all rows."""

    draws: Floats
    """The metric over each draw of a bootstrap, float64 [resamples]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sums:
    """Sufficient statistics, so that a bootstrap over groups is one matrix product and reads no row twice.

    A metric that is not a formula over sums of rows is a function instead, with the arguments and result of `__call__`.
    """

    statistics: Callable[..., Floats]
    """(target, prediction) -> float64 [rows, k]; column 0 is the count, 1.0 a row. Rows of one call may be summed in
    any grouping, but not rows of different calls, because R2 centres on the mean of the call."""

    value: Callable[[Floats], Floats]
    """Sums of such rows, float64 [..., k] -> float64 [...]; NaN if the metric has no value."""

    def __call__(self, target: Floats, prediction: Floats, groups: Groups, counts: Floats, **at: float) -> Drawn:
        """See `Metric.drawn`. `at` is the quantile, for metrics of a quantile, and is passed to `statistics`."""
        sums = group_sums(self.statistics(target, prediction, **at), groups, counts.shape[1])
        return drawn_from(sums, self.value, counts)


def group_sums(statistics: Floats, groups: Groups, num_groups: int = 0) -> Floats:
    """Sums of float64 [rows, k] by group: float64 [groups, k], with at least `num_groups` groups."""
    columns = [np.bincount(groups, weights=column, minlength=num_groups) for column in statistics.T]
    return np.column_stack(columns).astype(np.float64, copy=False)


def cell_sums(groups: Groups, num_groups: int, cell: NDArray[Any], num_cells: int, weights: Floats | None) -> Floats:
    """Number of rows (or sum of their weights) by group and cell: float64 [groups, cells]."""
    both = groups * num_cells + cell
    flat = np.bincount(both, weights=weights, minlength=num_groups * num_cells)
    return flat.astype(np.float64, copy=False).reshape(num_groups, num_cells)


def drawn_from(sums: Floats, value: Callable[[Floats], Floats], counts: Floats) -> Drawn:
    """A formula applied to the sums over all groups, and to those of each draw."""
    return Drawn(value=float(value(sums.sum(axis=0))), draws=value(counts @ sums))


def mean(sums: Floats) -> Floats:
    """The second sum divided by the number of rows; NaN if there are no rows."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 1] / sums[..., 0]
