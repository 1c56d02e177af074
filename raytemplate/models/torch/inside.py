"""Resuming inside an epoch: what such a checkpoint holds besides weights and optimizer."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

_INSIDE = "inside.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """A position inside an epoch."""

    steps: int
    """Steps of the epoch that are done."""

    loss: torch.Tensor
    """Sum of their losses on rank 0, float64 []."""

    seconds: float
    """Seconds that they took."""

    random: tuple[torch.Tensor, ...]
    """State of torch's random numbers on the CPU and, if there is one, the GPU."""

    def draw_on(self, device: torch.device) -> None:
        """Restores the random state, so that the next numbers are those an uninterrupted training would draw."""
        torch.set_rng_state(self.random[0])
        if device.type == "cuda" and len(self.random) > 1:
            torch.cuda.set_rng_state(self.random[1], device)


def save_position(folder: Path, steps: int, loss: torch.Tensor, seconds: float) -> None:
    """Saves a position in a checkpoint, see `Position`."""
    state = {"steps": torch.tensor(steps), "loss": loss.cpu(), "seconds": torch.tensor(seconds),
             "random.0": torch.get_rng_state()}  # fmt: skip
    if loss.is_cuda:
        state["random.1"] = torch.cuda.get_rng_state(loss.device)
    save_file(state, folder / _INSIDE)


def load_position(folder: Path) -> Position | None:
    """The position at which a checkpoint was made; None if that was the end of an epoch."""
    if not (folder / _INSIDE).exists():
        return None
    state = load_file(folder / _INSIDE)
    random = tuple(state[name] for name in ("random.0", "random.1") if name in state)
    return Position(steps=int(state["steps"]), loss=state["loss"], seconds=float(state["seconds"]), random=random)
