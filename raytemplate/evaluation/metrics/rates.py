"""Rates of two classes, for comparing slices: how often yes is said, and how often rightly and wrongly.

As in the confusion table of two classes (Fawcett 2006, "An introduction to ROC analysis", Pattern Recognition Letters
27(8)); a row counts as positive from one half on.
"""

from __future__ import annotations

import numpy as np

from raytemplate.evaluation.metrics.classes import chosen
from raytemplate.evaluation.metrics.metric import Floats, Metric

BINARY = frozenset({"binary"})


def _selected(target: Floats, prediction: Floats) -> Floats:
    one = np.ones_like(target)
    return np.column_stack([one, one, chosen(prediction).astype(np.float64)])


def _hits(target: Floats, prediction: Floats) -> Floats:
    return np.column_stack([np.ones_like(target), target, target * chosen(prediction)])


def _false_alarms(target: Floats, prediction: Floats) -> Floats:
    return np.column_stack([np.ones_like(target), 1.0 - target, (1.0 - target) * chosen(prediction)])


def _share(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 2] / sums[..., 1]


SELECTION_RATE = Metric(
    id="selection-rate", version=1, higher_is_better=True, unit="share", statistics=_selected, value=_share,
    tasks=BINARY, least=0, most=1,
)  # fmt: skip
"""Share of rows called positive. Neither high nor low is good in itself: slices are compared by it."""

TRUE_POSITIVE_RATE = Metric(
    id="true-positive-rate", version=1, higher_is_better=True, unit="share", statistics=_hits, value=_share,
    tasks=BINARY, least=0, most=1,
)  # fmt: skip
"""Share of the positive rows that are called positive (recall); no value where there are none."""

FALSE_POSITIVE_RATE = Metric(
    id="false-positive-rate", version=1, higher_is_better=False, unit="share", statistics=_false_alarms,
    value=_share, tasks=BINARY, least=0, most=1,
)  # fmt: skip
"""Share of the negative rows that are called positive; no value where there are none."""
