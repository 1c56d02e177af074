"""XGBoost's form of encoded rows, and prediction with trained trees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

from raytemplate.models.context import Layout

TREES = "trees.ubj"


class XgBoostPredictor:
    """Trees read from XGBoost's binary JSON. For regression they were trained on the standardised target."""

    def __init__(self, booster: xgboost.Booster, layout: Layout) -> None:
        self._booster = booster
        self._layout = layout

    @classmethod
    def load(cls, folder: Path, layout: Layout) -> XgBoostPredictor:
        """The trees in a folder: never a pickle."""
        booster = xgboost.Booster(params={"nthread": 1})
        booster.load_model(folder / TREES)
        return cls(booster, layout)

    def predict(self, dense: NDArray[np.float32], codes: NDArray[np.int32]) -> NDArray[np.float64]:
        """Predictions in the target's unit, or probabilities, shaped as by a `Predictor`."""
        if not len(dense):
            shape = (0, len(self._layout.classes)) if self._layout.task == "multiclass" else (0,)
            return np.empty(shape, dtype=np.float64)
        return in_unit(self._booster.predict(matrix(dense, codes, threads=1)), self._layout)


def matrix(
    dense: NDArray[np.float32], codes: NDArray[np.int32], target: NDArray[np.float32] | None = None, *, threads: int
) -> xgboost.DMatrix:
    """XGBoost's matrix: numbers, then codes as categories; codes below 2**24 are exact in float32. NaN is missing."""
    table = np.concatenate([dense, codes.astype(np.float32)], axis=1)
    kinds = ["q"] * dense.shape[1] + ["c"] * codes.shape[1]
    return xgboost.DMatrix(table, target, feature_types=kinds, enable_categorical=True, nthread=threads)


def in_unit(output: NDArray[np.float32], layout: Layout) -> NDArray[np.float64]:
    """Outputs of the trees as float64: probabilities as they are, standardised numbers in the target's unit."""
    values = output.astype(np.float64)
    return values if layout.task != "regression" else values * layout.target_std + layout.target_mean
