"""Metrics of a quantile predicted: pinball loss and coverage."""

from __future__ import annotations

import numpy as np

from raytemplate.evaluation.metrics.formula import Floats, Sums


def _pinball(target: Floats, prediction: Floats, *, quantile: float) -> Floats:
    above = target - prediction
    return np.column_stack([np.ones_like(above), np.maximum(quantile * above, (quantile - 1.0) * above)])


def _covered(target: Floats, prediction: Floats) -> Floats:
    return np.column_stack([np.ones_like(target), (target <= prediction).astype(np.float64)])


def _mean(sums: Floats) -> Floats:
    return sums[..., 1] / sums[..., 0]


PINBALL = Sums(statistics=_pinball, value=_mean)
COVERAGE = Sums(statistics=_covered, value=_mean)
