"""The network of `tabular-mlp`, and predicting with a trained one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from raytemplate.models.context import Layout
from raytemplate.models.tabular_mlp.family import TabularMlpOptions

WEIGHTS, NETWORK = "weights.safetensors", "network.json"
_ROWS_AT_ONCE = 16_384


class TabularMlp(nn.Module):
    """Embeddings beside scaled numbers, hidden layers with ReLU, one output in units of the target's deviation.

    The rows of an embedding for unknown and missing values (codes 0 and 1) start at zero, so that a value never
    seen in training moves nothing.
    """

    def __init__(self, layout: Layout, options: TabularMlpOptions) -> None:
        super().__init__()
        widths = [min(options.embedding, (size + 1) // 2) for size in layout.cardinalities]
        embeddings = [nn.Embedding(size, width) for size, width in zip(layout.cardinalities, widths, strict=True)]
        for embedding in embeddings:
            with torch.no_grad():
                embedding.weight[:2] = 0.0
        self.embeddings = nn.ModuleList(embeddings)
        layers: list[nn.Module] = []
        width = len(layout.dense) + sum(widths)
        for _ in range(options.layers):
            layers += [nn.Linear(width, options.hidden), nn.ReLU()]
            if options.dropout:
                layers.append(nn.Dropout(options.dropout))
            width = options.hidden
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear(width, 1)

    def forward(self, dense: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """dense: float32 [rows, dense features]; codes: int [rows, categorical features] -> float32 [rows]."""
        parts = [dense] + [embedding(codes[:, i]) for i, embedding in enumerate(self.embeddings)]
        return self.output(self.hidden(torch.cat(parts, dim=1))).squeeze(1)


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
