"""Predicts with a trained torch network: converts its outputs to what a `Predictor` returns.

A network takes dense float32 [rows, dense features] and codes int32 [rows, categorical features]. Its output is [rows]:
for numbers the target minus its mean, in standard deviations; for two classes the logit of the second. For more classes
it is [rows, classes], a logit for each.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from raytemplate.code.load import load_attribute
from raytemplate.errors import TrainingFailed
from raytemplate.models.context import Layout
from raytemplate.models.torch.family import TorchOptions
from raytemplate.models.torch.weights import load_weights

NETWORK = "network.json"
_ROWS_AT_ONCE = 16_384


def build_network(options: TorchOptions, layout: Layout) -> nn.Module:
    """The network that the user's own function makes.

    Raises:
        TrainingFailed: it does not return a network, or the network has nothing to train.
        UsageError: its module cannot be imported.
    """
    made = load_attribute(options.build)(layout, **options.args)
    if not isinstance(made, nn.Module):
        raise TrainingFailed(f"{options.build} gave {type(made).__name__}, expected a torch.nn.Module")
    if not any(True for _ in made.parameters()):
        raise TrainingFailed(f"{options.build} gave a network without parameters; there is nothing to train")
    return made


def shaped(output: object, num_rows: int, layout: Layout) -> torch.Tensor:
    """A network's output as float32 [rows] or [rows, classes]; [rows, 1] is taken as [rows].

    Raises:
        TrainingFailed: the output has another shape, which a loss would silently broadcast over the target.
    """
    expected = (num_rows,) if layout.num_outputs == 1 else (num_rows, layout.num_outputs)
    if isinstance(output, torch.Tensor):
        if output.shape == (num_rows, 1) and layout.num_outputs == 1:
            return output.squeeze(1).float()
        if output.shape == expected:
            return output.float()
    found = list(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
    raise TrainingFailed(f"the network gave {found} for {num_rows} rows, expected {list(expected)}")


def in_unit(output: torch.Tensor, layout: Layout) -> torch.Tensor:
    """A network's output as predictions, in the precision of the output: in the target's unit, or as probabilities."""
    if layout.task == "regression":
        return output * layout.target_std + layout.target_mean
    return torch.sigmoid(output) if layout.num_outputs == 1 else torch.softmax(output, dim=1)


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
                # Arrays from Ray's object store are read-only, and torch needs to own its memory.
                output = self._model(torch.from_numpy(dense[rows].copy()), torch.from_numpy(codes[rows].copy()))
                output = shaped(output, len(dense[rows]), self._layout).double()
                parts.append(in_unit(output, self._layout).numpy())
        none = (0,) if self._layout.num_outputs == 1 else (0, self._layout.num_outputs)
        return np.concatenate(parts) if parts else np.empty(none, dtype=np.float64)


class TorchPredictor(NetworkPredictor):
    """The user's own network, loaded with the code that is stored with it."""

    @classmethod
    def load(cls, folder: Path, layout: Layout) -> TorchPredictor:
        """The network in a folder: safetensors, JSON and Python files, never a pickle."""
        model = build_network(TorchOptions.model_validate(json.loads((folder / NETWORK).read_text())), layout)
        load_weights(folder, model)
        return cls(model, layout)
