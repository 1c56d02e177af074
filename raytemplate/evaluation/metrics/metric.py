"""What a metric is: sums of per-row statistics, and a formula over those sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Unit = Literal["target", "squared", "share"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A metric as sufficient statistics, so that a bootstrap over groups is one matrix product and reads no row twice.

    Args:
        id: the name a template uses.
        version: counts up when the formula changes; values of different versions are never compared.
        higher_is_better: the direction.
        unit: "target" (the target's own), "squared" (its square) or "share" (none; 1 is perfect).
        statistics: (target: float64 [rows], prediction: float64 [rows]) -> float64 [rows, k]; column 0 is the count,
            1.0 a row. Rows of one call may be summed in any grouping; rows of two calls may not, as R2 centres on the
            call's mean.
        value: float64 [..., k], sums of such rows -> float64 [...]; NaN where the metric has no value.
        tasks: what `data.task` may be.
    """

    id: str
    version: int
    higher_is_better: bool
    unit: Unit
    statistics: Callable[[Floats, Floats], Floats]
    value: Callable[[Floats], Floats]
    tasks: frozenset[str] = frozenset({"regression"})

    def __call__(self, target: Floats, prediction: Floats) -> float:
        """The metric over all rows."""
        return float(self.value(self.statistics(target, prediction).sum(axis=0)))
