"""Stores the state of optimizers and schedules, as in torch's `state_dict`, as JSON and tensors, without a pickle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from raytemplate.errors import TrainingFailed

_JSON, _TENSORS = "training.json", "training.safetensors"


def save_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Saves any nesting of dicts, lists and tuples of tensors, numbers, texts and None in a folder.

    Raises:
        TrainingFailed: the state holds something else; the message names it.
    """
    tensors: dict[str, torch.Tensor] = {}
    document = _written(dict(state), tensors, "")
    save_file(tensors, folder / _TENSORS)
    (folder / _JSON).write_text(json.dumps(document))


def load_state(folder: Path) -> dict[str, Any]:
    """What `save_state` was given."""
    return _read(json.loads((folder / _JSON).read_text()), load_file(folder / _TENSORS))


def _written(value: object, tensors: dict[str, torch.Tensor], path: str) -> object:
    match value:
        case torch.Tensor():
            tensors[path] = value.detach().cpu().clone().contiguous()
            return {"tensor": path}
        case dict():
            pairs = cast("dict[object, object]", value).items()
            return {"dict": [[_written(k, tensors, path), _written(v, tensors, f"{path}/{k}")] for k, v in pairs]}
        case list() | tuple():
            items = [_written(v, tensors, f"{path}/{i}") for i, v in enumerate(cast("list[object]", value))]
            return {"tuple" if isinstance(value, tuple) else "list": items}
        case np.generic():
            return value.item()
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise TrainingFailed(
                f"the state of training holds {path}, a {type(value).__name__}; it cannot be stored without a pickle"
            )


def _read(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    match value:
        case {"tensor": path}:
            return tensors[path]
        case {"dict": pairs}:
            return {_read(k, tensors): _read(v, tensors) for k, v in pairs}
        case {"tuple": items}:
            return tuple(_read(v, tensors) for v in items)
        case {"list": items}:
            return [_read(v, tensors) for v in items]
        case _:
            return value
