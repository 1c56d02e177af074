"""Predicts with a trained linear model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from raytemplate.models.context import Layout
from raytemplate.models.linear.objective import Floats, Weights, logistic, softmax

WEIGHTS = "weights.safetensors"


class LinearPredictor:
    """A linear model, loaded."""

    def __init__(self, weights: Floats, layout: Layout) -> None:
        self._weights, self._layout, self._blocks = weights, layout, Weights(layout)

    @classmethod
    def load(cls, folder: Path, layout: Layout) -> LinearPredictor:
        """The weights in a folder: safetensors, never a pickle."""
        return cls(load_file(folder / WEIGHTS)["weights"].astype(np.float64), layout)

    def predict(self, dense: NDArray[np.float32], codes: NDArray[np.int32]) -> NDArray[np.float64]:
        """Predictions in the target's unit, or probabilities, shaped as by a `Predictor`."""
        return in_unit(self._blocks.outputs(self._weights, dense, codes), self._layout)


def in_unit(outputs: Floats, layout: Layout) -> Floats:
    """Outputs [rows, outputs] as a `Predictor` gives them."""
    if layout.task == "multiclass":
        return softmax(outputs)
    if layout.task == "binary":
        return logistic(outputs[:, 0])
    return outputs[:, 0] * layout.target_std + layout.target_mean
