"""Weights and optimizer state as files: safetensors, never a pickle."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from raytemplate.errors import TrainingFailed
from raytemplate.models.context import Start
from raytemplate.models.torch.optimizer import Adam

WEIGHTS, OPTIMIZER = "weights.safetensors", "optimizer.safetensors"


def save_weights(folder: Path, model: nn.Module) -> None:
    """Saves the weights and buffers of a network in a folder."""
    save_file(_flat(model), folder / WEIGHTS)


def load_weights(folder: Path, model: nn.Module) -> None:
    """Loads all weights and buffers of a network from a folder, which must hold exactly these."""
    model.load_state_dict(load_file(folder / WEIGHTS))


def take_over(start: Start, model: nn.Module, tables: Mapping[str, str] | None = None) -> str:
    """Puts the champion's weights into a network, which stays unchanged if they do not fit.

    Args:
        tables: code column -> the parameter with one row for each code. The row of a value that the champion did not
            know keeps its initial weights. None for a user's own network, whose tables are unknown.

    Returns:
        Why the weights do not fit; "" if they were taken.
    """
    moved = [column for column, codes in start.codes.items() if codes != tuple(range(len(codes)))]
    if tables is None and moved:
        return f"the codes of {', '.join(moved[:3])} are others now, and only tabular-mlp can move its embeddings along"
    found, own = load_file(start.folder / WEIGHTS), dict(model.state_dict())
    if found.keys() != own.keys():
        return f"its network has other parts: {', '.join(sorted(found.keys() ^ own.keys())[:3])}"
    for column, name in (tables or {}).items():
        if found[name].shape[1:] == own[name].shape[1:]:
            found[name] = _rows(found[name], own[name], start.codes[column])
    for name, tensor in found.items():
        if tensor.shape != own[name].shape:
            return f"{name} was {list(tensor.shape)} and is {list(own[name].shape)}"
    model.load_state_dict(found)
    return ""


def save_optimizer(folder: Path, optimizer: Adam) -> None:
    """Saves what resuming needs besides the weights."""
    save_file(optimizer.state(), folder / OPTIMIZER)


def load_optimizer(folder: Path, optimizer: Adam) -> None:
    """Restores what `save_optimizer` saved."""
    optimizer.restore(load_file(folder / OPTIMIZER))


def weights_sha256(model: nn.Module) -> str:
    """Digest of all weights, in the order of their names."""
    digest = hashlib.sha256()
    for name, value in sorted(_flat(model).items()):
        digest.update(name.encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def _flat(model: nn.Module) -> dict[str, torch.Tensor]:
    """Every tensor with memory of its own: safetensors refuses tensors that share memory, such as tied weights."""
    flat: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, value in model.state_dict().items():
        if not isinstance(value, torch.Tensor):
            raise TrainingFailed(f"the network's state holds {name}, which is not a tensor; it cannot be stored safely")
        value = value.detach().cpu().contiguous()
        storage = value.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != value.nbytes:
            value = value.clone()
        seen.add(storage.data_ptr())
        flat[name] = value
    return flat


def _rows(then: torch.Tensor, now: torch.Tensor, codes: tuple[int, ...]) -> torch.Tensor:
    rows = now.detach().cpu().clone()
    known = torch.tensor([code >= 0 for code in codes])
    rows[known] = then[torch.tensor([code for code in codes if code >= 0], dtype=torch.int64)]
    return rows
