"""Distribution of the errors of numbers, by the size of the prediction."""

import numpy as np

from raytemplate.evaluation.metrics.formula import Floats
from raytemplate.records.evaluated import PredictionBin

NUM_BINS = 20
_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def residuals(target: Floats, prediction: Floats) -> tuple[PredictionBin, ...]:
    """Bins of about equally many rows, from the lowest prediction to the highest; equal predictions share a bin."""
    level = np.unique(prediction, return_inverse=True)[1]
    rows = np.bincount(level)
    cell = np.floor((np.cumsum(rows) - rows / 2) * NUM_BINS / len(prediction)).astype(np.int64)[level]
    above = target - prediction
    return tuple(
        PredictionBin(
            num_rows=int(there.sum()),
            predicted=float(prediction[there].mean()),
            residuals=tuple(float(q) for q in np.quantile(above[there], _LEVELS)),
        )
        for there in (cell == one for one in np.unique(cell))
    )
