"""Weights and optimizer state as files: safetensors, never a pickle."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from raytemplate.errors import TrainingFailed
from raytemplate.models.torch.optimizer import Adam

WEIGHTS, OPTIMIZER = "weights.safetensors", "optimizer.safetensors"


def save_weights(folder: Path, model: nn.Module) -> None:
    """The weights and buffers of a network into a folder."""
    save_file(_flat(model), folder / WEIGHTS)


def load_weights(folder: Path, model: nn.Module) -> None:
    """A network's weights and buffers from a folder, every one of them and no other."""
    model.load_state_dict(load_file(folder / WEIGHTS))


def save_optimizer(folder: Path, optimizer: Adam) -> None:
    """What going on with training needs besides the weights."""
    save_file(optimizer.state(), folder / OPTIMIZER)


def load_optimizer(folder: Path, optimizer: Adam) -> None:
    """Go on as `save_optimizer` left it."""
    optimizer.restore(load_file(folder / OPTIMIZER))


def weights_sha256(model: nn.Module) -> str:
    """Digest of all weights, in the order of their names."""
    digest = hashlib.sha256()
    for name, value in sorted(_flat(model).items()):
        digest.update(name.encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def _flat(model: nn.Module) -> dict[str, torch.Tensor]:
    """Every tensor with memory of its own: safetensors keeps no two names for one, as tied weights are."""
    flat: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, value in model.state_dict().items():
        if not isinstance(value, torch.Tensor):
            raise TrainingFailed(f"the network's state holds {name}, which is no tensor; it cannot be stored safely")
        value = value.detach().cpu().contiguous()
        storage = value.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != value.nbytes:
            value = value.clone()
        seen.add(storage.data_ptr())
        flat[name] = value
    return flat
