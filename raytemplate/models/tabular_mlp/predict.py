"""Predicts with a trained `tabular-mlp`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from raytemplate.models.context import Layout
from raytemplate.models.tabular_mlp.family import TabularMlpOptions
from raytemplate.models.tabular_mlp.loop import NETWORK, WEIGHTS
from raytemplate.models.tabular_mlp.network import TabularMlp

_ROWS_AT_ONCE = 16_384


class TabularMlpPredictor:
    """A network in evaluation mode, on the CPU."""

    def __init__(self, model: TabularMlp, layout: Layout) -> None:
        self._model = model.eval()
        self._layout = layout

    @classmethod
    def load(cls, folder: Path, layout: Layout) -> TabularMlpPredictor:
        """The network in a folder: safetensors and JSON, never a pickle."""
        options = TabularMlpOptions.model_validate(json.loads((folder / NETWORK).read_text()))
        model = TabularMlp(layout, options)
        model.load_state_dict(load_file(folder / WEIGHTS))
        return cls(model, layout)

    def predict(self, dense: NDArray[np.float32], codes: NDArray[np.int32]) -> NDArray[np.float64]:
        """Predictions in the target's unit, float64 [rows]."""
        parts: list[NDArray[np.float64]] = []
        with torch.inference_mode():
            for start in range(0, len(dense), _ROWS_AT_ONCE):
                rows = slice(start, start + _ROWS_AT_ONCE)
                # Arrays out of the object store are read-only and torch wants to own what it is given.
                output = self._model(torch.from_numpy(dense[rows].copy()), torch.from_numpy(codes[rows].copy()))
                parts.append(output.double().numpy() * self._layout.target_std + self._layout.target_mean)
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float64)
