"""Metrics of predicted quantiles: pinball loss and coverage."""

import numpy as np

from raytemplate.evaluation.metrics.formula import Floats, Sums, mean


def _pinball(target: Floats, prediction: Floats, *, quantile: float) -> Floats:
    above = target - prediction
    return np.column_stack([np.ones_like(above), np.maximum(quantile * above, (quantile - 1.0) * above)])


def _covered(target: Floats, prediction: Floats) -> Floats:
    return np.column_stack([np.ones_like(target), (target <= prediction).astype(np.float64)])


PINBALL = Sums(statistics=_pinball, value=mean)
COVERAGE = Sums(statistics=_covered, value=mean)
