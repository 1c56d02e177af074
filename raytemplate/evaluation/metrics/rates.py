"""Rates of two classes, to compare slices: how often rows are predicted positive, and how often rightly and wrongly.

As in the confusion table of two classes (Fawcett 2006, "An introduction to ROC analysis", Pattern Recognition Letters
27(8)); a row counts as positive from 0.5.
"""

import numpy as np

from raytemplate.evaluation.metrics.classes import chosen
from raytemplate.evaluation.metrics.formula import Floats, Sums


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


SELECTION_RATE = Sums(statistics=_selected, value=_share)

TRUE_POSITIVE_RATE = Sums(statistics=_hits, value=_share)

FALSE_POSITIVE_RATE = Sums(statistics=_false_alarms, value=_share)
