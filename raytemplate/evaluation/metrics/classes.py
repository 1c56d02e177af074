"""Metrics of classes and their probabilities: log loss, Brier score, accuracy and F1.

With two classes a prediction is the probability of the second, the positive one, and a row counts as positive from 0.5.
With more, a row counts as the class with the highest probability (the first of equal ones).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from raytemplate.evaluation.metrics.formula import Drawn, Floats, Groups, Sums, cell_sums, drawn_from, mean

_SMALLEST = 1e-15  # a class that was predicted impossible but comes true costs 34.5 nats, not infinity


def chosen(prediction: Floats) -> NDArray[np.int64]:
    """The predicted class of each row, int64 [rows]."""
    if prediction.ndim == 1:
        return (prediction >= 0.5).astype(np.int64)
    return prediction.argmax(axis=1).astype(np.int64)


def of_class(target: Floats, prediction: Floats) -> Floats:
    """The predicted probability of each row's own class, float64 [rows]."""
    if prediction.ndim == 1:
        return np.where(target == 1, prediction, 1.0 - prediction)
    return np.take_along_axis(prediction, target.astype(np.int64)[:, None], axis=1)[:, 0]


def _surprise(target: Floats, prediction: Floats) -> Floats:
    return _counted(-np.log(np.clip(of_class(target, prediction), _SMALLEST, 1.0)))


def _squares(target: Floats, prediction: Floats) -> Floats:
    if prediction.ndim == 1:
        return _counted(np.square(prediction - target))
    # The sum over classes of (p - y)^2, expanded: y is 1 for one class and 0 for all others.
    return _counted(np.square(prediction).sum(axis=1) - 2.0 * of_class(target, prediction) + 1.0)


def _hits(target: Floats, prediction: Floats) -> Floats:
    return _counted((chosen(prediction) == target).astype(np.float64))


def _counted(column: Floats) -> Floats:
    return np.column_stack([np.ones_like(column), column])


def f1(target: Floats, prediction: Floats, groups: Groups, counts: Floats) -> Drawn:
    """See `Metric.drawn`."""
    num_classes = 2 if prediction.ndim == 1 else prediction.shape[1]
    truth, guess = target.astype(np.int64), chosen(prediction)
    right = (truth == guess).astype(np.float64)

    def by_class(cell: NDArray[Any], weights: Floats | None = None) -> Floats:
        return cell_sums(groups, counts.shape[1], cell, num_classes, weights)

    sums = np.stack([by_class(truth), by_class(guess), by_class(truth, right)], axis=2)
    value = _of_positive if prediction.ndim == 1 else _macro
    return drawn_from(sums.reshape(len(sums), -1), value, counts)


def _of_positive(sums: Floats) -> Floats:
    real, called, both = np.moveaxis(sums.reshape(*sums.shape[:-1], 2, 3)[..., 1, :], -1, 0)
    return 2.0 * both / np.maximum(real + called, 1.0)


def _macro(sums: Floats) -> Floats:
    real, called, both = np.moveaxis(sums.reshape(*sums.shape[:-1], sums.shape[-1] // 3, 3), -1, 0)
    there = real + called > 0
    f1 = 2.0 * both / np.maximum(real + called, 1.0)
    return f1.sum(axis=-1) / np.maximum(there.sum(axis=-1), 1)


LOG_LOSS = Sums(statistics=_surprise, value=mean)

BRIER = Sums(statistics=_squares, value=mean)

ACCURACY = Sums(statistics=_hits, value=mean)
