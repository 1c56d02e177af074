"""The objective of a linear model over the rows of all ranks, and the arrangement of its weights in one array."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from raytemplate.models.context import Batch, Layout
from raytemplate.models.options import TrainingSpec

Floats = NDArray[np.float64]
_ROWS_AT_ONCE = 32_768
_WIDEST, _NARROWEST, _SHARP, _STEPS_A_HALF = 0.32, 0.01, 1e-12, 20


class Weights:
    """Weights as one array [inputs + 1, outputs]: a row for each number, a row for each value of each category, and the
    intercept. Regression has one output, in standard deviations; two classes have one, the log odds of the second.
    """

    def __init__(self, layout: Layout) -> None:
        self.num_outputs = len(layout.classes) if layout.task == "multiclass" else 1
        self.num_dense = len(layout.dense)
        ends = [int(end) for end in np.cumsum([self.num_dense, *layout.cardinalities])]
        self.num_inputs = ends[-1]
        self._blocks = tuple(zip(ends, layout.cardinalities, strict=False))

    @property
    def shape(self) -> tuple[int, int]:
        """(inputs + 1, outputs) of the array."""
        return self.num_inputs + 1, self.num_outputs

    def outputs(self, weights: Floats, dense: NDArray[np.float32], codes: NDArray[np.int32]) -> Floats:
        """float64 [rows, outputs] for encoded rows."""
        found = dense.astype(np.float64) @ weights[: self.num_dense] + weights[-1]
        for column, (start, size) in enumerate(self._blocks):
            found += weights[start : start + size].take(codes[:, column], axis=0)
        return found

    def gradient(self, slopes: Floats, dense: NDArray[np.float32], codes: NDArray[np.int32]) -> Floats:
        """The gradient with respect to the weights, from the slopes of the losses with respect to the outputs [rows,
        outputs]."""
        found = np.zeros(self.shape)
        found[: self.num_dense] = dense.astype(np.float64).T @ slopes
        found[-1] = slopes.sum(axis=0)
        for column, (start, size) in enumerate(self._blocks):
            for output in range(self.num_outputs):
                found[start : start + size, output] = np.bincount(codes[:, column], slopes[:, output], minlength=size)
        return found


class Objective:
    """The mean loss over the rows of all ranks plus the penalty, with its gradient; the same on every rank.

    Args:
        rows: rows of this rank.
        l2: see `LinearOptions.l2`.
        num_rows: rows of all ranks.
        add_up: returns the sum of an array over all ranks.
    """

    def __init__(
        self,
        layout: Layout,
        training: TrainingSpec,
        rows: Batch,
        *,
        l2: float,
        num_rows: int,
        add_up: Callable[[Floats], Floats],
    ) -> None:
        self.weights = Weights(layout)
        self._task, self._training, self._rows = layout.task, training, rows
        self._l2, self._num_rows, self._add_up = l2 / max(1, num_rows), max(1, num_rows), add_up
        self._unit = layout.target_std if training.loss in ("mae", "quantile") else 1.0
        regression = layout.task == "regression"
        self._mean, self._std = (layout.target_mean, layout.target_std) if regression else (0.0, 1.0)
        self._width = _NARROWEST

    def round_corners(self, done: int) -> bool:
        """Sets the width around zero in which the corner of the loss is smoothed; returns whether it is the final one.

        The width depends only on the number of steps done, so that resuming changes nothing.
        """
        if self._task != "regression" or self._training.loss not in ("mae", "quantile"):
            return True
        self._width = max(_NARROWEST, _WIDEST * 0.5 ** (done / _STEPS_A_HALF))
        return self._width == _NARROWEST

    def __call__(self, flat: Floats) -> tuple[float, Floats]:
        """Value and gradient at the weights, both as flat arrays. All ranks must call it together."""
        weights = flat.reshape(self.weights.shape)
        mine = np.zeros(1 + flat.size)
        for dense, codes, target in self._blocks():
            losses, slopes = self._losses(self.weights.outputs(weights, dense, codes), target)
            mine[0] += losses.sum()
            mine[1:] += self.weights.gradient(slopes, dense, codes).ravel()
        total = self._add_up(mine) / self._num_rows
        # The intercept is not penalised.
        penalised = np.concatenate([weights[:-1].ravel(), np.zeros(self.weights.num_outputs)])
        return float(total[0] + self._penalty(weights)), total[1:] + self._l2 * penalised

    def loss(self, flat: Floats) -> float:
        """The mean loss without penalty and smoothing, in the unit in which every family reports it. All ranks must
        call it together."""
        self._width = _SHARP
        value, _ = self(flat)
        twice = self._task == "regression" and self._training.loss in ("mse", "mae")
        return (value - self._penalty(flat.reshape(self.weights.shape))) * self._unit * (2 if twice else 1)

    def _penalty(self, weights: Floats) -> float:
        return 0.5 * self._l2 * float((weights[:-1] ** 2).sum())

    def _blocks(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int32], Floats]]:
        rows = self._rows
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            block = slice(start, start + _ROWS_AT_ONCE)
            target = rows.target[block].astype(np.float64)
            yield rows.dense[block], rows.codes[block], (target - self._mean) / self._std

    def _losses(self, outputs: Floats, target: Floats) -> tuple[Floats, Floats]:
        """Losses [rows] and their slopes with respect to the outputs [rows, outputs]."""
        if self._task == "multiclass":
            return softmax_losses(outputs, target.astype(np.int64))
        output = outputs[:, 0]
        if self._task == "binary":
            losses, slopes = np.logaddexp(0.0, output) - target * output, logistic(output) - target
        elif self._training.loss in ("mse", "huber"):
            losses, slopes = huber_losses(output - target, np.inf if self._training.loss == "mse" else 1.0)
        else:
            losses, slopes = check_losses(output - target, self._training.quantile or 0.5, self._width)
        return losses, slopes[:, None]


def huber_losses(errors: Floats, turn: float) -> tuple[Floats, Floats]:
    """Half the squared error up to an error of `turn`, linear beyond it; and the slopes."""
    slopes = np.clip(errors, -turn, turn)
    return slopes * (errors - 0.5 * slopes), slopes


def check_losses(errors: Floats, quantile: float, width: float) -> tuple[Floats, Floats]:
    """Quantile losses of errors (output - target), smoothed within `width` of zero; and the slopes.

    Smoothing the corner with a uniform kernel moves the minimum by the order of width squared: He, Pan, Tan and Zhou
    2023, "Smoothed quantile regression with large-scale inference", Journal of Econometrics 232(2).
    """
    near = np.clip(errors, -width, width)
    rounded = np.where(np.abs(errors) < width, near**2 / (2 * width) + width / 2, np.abs(errors))
    return 0.5 * rounded + (0.5 - quantile) * errors, 0.5 * near / width + (0.5 - quantile)


def softmax_losses(outputs: Floats, target: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The negative log probability of each row's own class; and the slopes."""
    chances = softmax(outputs)
    each = np.arange(len(target))
    largest = outputs.max(axis=1)
    losses = np.log(np.exp(outputs - largest[:, None]).sum(axis=1)) + largest - outputs[each, target]
    chances[each, target] -= 1.0
    return losses, chances


def softmax(outputs: Floats) -> Floats:
    """Probabilities [rows, classes]."""
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def logistic(output: Floats) -> Floats:
    """Probabilities from log odds, without overflow."""
    return np.exp(-np.logaddexp(0.0, -output))
