"""The metric `wape`."""

from __future__ import annotations

import numpy as np

from raytemplate.evaluation.metrics.formula import Floats, Sums
from raytemplate.evaluation.metrics.metric import Metric


def _absolute(target: Floats, prediction: Floats) -> Floats:
    return np.column_stack([np.abs(target), np.abs(prediction - target)])


def _share(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[..., 0] > 0, sums[..., 1] / sums[..., 0], np.nan)


WEIGHTED = Sums(statistics=_absolute, value=_share)

WAPE = Metric(
    id="wape", version=1, higher_is_better=False, unit="share", formula="raytemplate_sample.wape:WEIGHTED", least=0
)
"""Weighted absolute percentage error, sum |p - y| / sum |y|: unlike the mean of percentages it has a value where some
targets are 0 (Kolassa and Schuetz 2007, Foresight 6). NaN where all are."""
