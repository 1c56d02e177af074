"""How far probabilities can be taken at their word."""

from __future__ import annotations

import numpy as np

from raytemplate.evaluation.metrics.classes import CLASSES, chosen
from raytemplate.evaluation.metrics.metric import Drawn, Floats, Groups, Metric, cell_sums, drawn_from

NUM_BINS = 15


def _ece(target: Floats, prediction: Floats, groups: Groups, counts: Floats) -> Drawn:
    if prediction.ndim == 1:
        said, came = prediction, target
    else:
        said = prediction.max(axis=1)
        came = (chosen(prediction) == target).astype(np.float64)
    cell = np.clip(np.floor(said * NUM_BINS), 0, NUM_BINS - 1).astype(np.int64)
    num_groups = counts.shape[1]
    parts = [cell_sums(groups, num_groups, cell, NUM_BINS, weights) for weights in (None, said - came)]
    return drawn_from(np.concatenate(parts, axis=1), _gap, counts)


def _gap(sums: Floats) -> Floats:
    rows, gaps = sums[..., :NUM_BINS], sums[..., NUM_BINS:]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.abs(gaps).sum(axis=-1) / rows.sum(axis=-1)


ECE = Metric(id="ece", version=1, higher_is_better=False, unit="share", draw=_ece, tasks=CLASSES)
"""Expected calibration error (Guo et al. 2017, "On Calibration of Modern Neural Networks", ICML): over 15 bins of equal
width the mean distance, weighed by rows, between the mean probability and the share that came true. For two classes
of the positive one's probability, for more of the highest (and whether that class came true). Never negative, so that
a perfect model of few rows has some; its intervals reach higher rather than lower."""
