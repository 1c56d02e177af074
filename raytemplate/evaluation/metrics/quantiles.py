"""Metrics of a quantile predicted: pinball loss and coverage."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from raytemplate.evaluation.metrics.metric import Floats, Metric


def _pinball(target: Floats, prediction: Floats, *, quantile: float) -> Floats:
    above = target - prediction
    return np.column_stack([np.ones_like(above), np.maximum(quantile * above, (quantile - 1.0) * above)])


def _covered(target: Floats, prediction: Floats) -> Floats:
    return np.column_stack([np.ones_like(target), (target <= prediction).astype(np.float64)])


def _mean(sums: Floats) -> Floats:
    return sums[..., 1] / sums[..., 0]


@cache
def pinball_at(quantile: float) -> Metric:
    """The pinball loss at a quantile between 0 and 1."""
    return Metric(
        id="pinball", version=1, higher_is_better=False, unit="target",
        statistics=partial(_pinball, quantile=quantile), value=_mean, at_quantile=pinball_at, least=0,
    )  # fmt: skip


PINBALL = pinball_at(0.5)
"""Mean of q * e where the target is e above the prediction, (1 - q) * e where it is below (Koenker and Bassett 1978,
"Regression Quantiles", Econometrica 46); q is `training.quantile`. At q = 0.5 it is half the mean absolute error."""

COVERAGE = Metric(
    id="coverage", version=1, higher_is_better=True, unit="share", statistics=_covered, value=_mean, least=0, most=1
)
"""Share of rows whose target is not above the prediction: near `training.quantile` where the quantile is met. It cannot
decide, since the highest prediction covers most."""
