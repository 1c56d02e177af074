"""Predicting with a trained torch network: from what it gives to what a `Predictor` hands out.

A network takes dense float32 [rows, dense features] and codes int32 [rows, categorical features]. It gives float32
[rows], the target less its mean, in units of its deviation.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from raytemplate.models.context import Layout

_ROWS_AT_ONCE = 16_384


def in_unit(output: torch.Tensor, layout: Layout) -> torch.Tensor:
    """A network's output as predictions, in the precision of the output."""
    return output * layout.target_std + layout.target_mean


class NetworkPredictor:
    """A network in evaluation mode, on the CPU."""

    def __init__(self, model: nn.Module, layout: Layout) -> None:
        self._model = model.eval()
        self._layout = layout

    def predict(self, dense: NDArray[np.float32], codes: NDArray[np.int32]) -> NDArray[np.float64]:
        """See `models.context.Predictor`."""
        parts: list[NDArray[np.float64]] = []
        with torch.inference_mode():
            for start in range(0, len(dense), _ROWS_AT_ONCE):
                rows = slice(start, start + _ROWS_AT_ONCE)
                # Arrays out of the object store are read-only and torch wants to own what it is given.
                output = self._model(torch.from_numpy(dense[rows].copy()), torch.from_numpy(codes[rows].copy()))
                parts.append(in_unit(output.double(), self._layout).numpy())
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float64)
