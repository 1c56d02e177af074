"""Calibration: how well predicted probabilities match actual frequencies."""

import numpy as np
from numpy.typing import NDArray

from raytemplate.evaluation.metrics.classes import chosen
from raytemplate.evaluation.metrics.formula import Drawn, Floats, Groups, cell_sums, drawn_from
from raytemplate.records.evaluated import CalibrationBin

NUM_BINS = 15


def ece(target: Floats, prediction: Floats, groups: Groups, counts: Floats) -> Drawn:
    """See `Metric.drawn`."""
    said, came = _said(target, prediction)
    cell = _bins(said)
    num_groups = counts.shape[1]
    parts = [cell_sums(groups, num_groups, cell, NUM_BINS, weights) for weights in (None, said - came)]
    return drawn_from(np.concatenate(parts, axis=1), _gap, counts)


def reliability(target: Floats, prediction: Floats) -> tuple[CalibrationBin, ...]:
    """Predicted against actual frequency in the bins of `ece` that have rows."""
    said, came = _said(target, prediction)
    cell = _bins(said)
    rows = np.bincount(cell, minlength=NUM_BINS)
    mean, share = (np.bincount(cell, weights=w, minlength=NUM_BINS) / np.maximum(rows, 1) for w in (said, came))
    return tuple(
        CalibrationBin(probability=float(mean[n]), share=float(share[n]), num_rows=int(rows[n]))
        for n in np.flatnonzero(rows)
    )


def _said(target: Floats, prediction: Floats) -> tuple[Floats, Floats]:
    """The probability of the positive class, or of the likeliest of more than two, and whether it came true."""
    if prediction.ndim == 1:
        return prediction, target
    return prediction.max(axis=1), (chosen(prediction) == target).astype(np.float64)


def _bins(said: Floats) -> NDArray[np.int64]:
    return np.clip(np.floor(said * NUM_BINS), 0, NUM_BINS - 1).astype(np.int64)


def _gap(sums: Floats) -> Floats:
    rows, gaps = sums[..., :NUM_BINS], sums[..., NUM_BINS:]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.abs(gaps).sum(axis=-1) / rows.sum(axis=-1)
