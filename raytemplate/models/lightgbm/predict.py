"""Predicts with trained trees."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray

from raytemplate.models.context import Layout
from raytemplate.models.lightgbm.loop import TREES


class LightGbmPredictor:
    """Trees read from LightGBM's text format."""

    def __init__(self, booster: lightgbm.Booster) -> None:
        self._booster = booster
        self._num_classes: int = booster.num_model_per_iteration()

    @classmethod
    def load(cls, folder: Path, layout: Layout) -> LightGbmPredictor:
        """The trees in a folder; they already contain the layout."""
        return cls(lightgbm.Booster(model_file=folder / TREES))

    def predict(self, dense: NDArray[np.float32], codes: NDArray[np.int32]) -> NDArray[np.float64]:
        """See `Predictor`."""
        if not len(dense):
            return np.empty((0, self._num_classes) if self._num_classes > 1 else 0)
        table = np.concatenate([dense, codes.astype(np.float32)], axis=1)
        return np.asarray(self._booster.predict(table, num_threads=1), dtype=np.float64)
