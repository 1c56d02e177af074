"""Going on inside an epoch: what a checkpoint made there holds besides weights and optimizer."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

_INSIDE = "inside.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """A position inside an epoch.

    Args:
        steps: steps of the epoch that are done.
        loss: float64 [], the sum of their losses on rank 0.
        seconds: that they took.
        random: state of torch's random numbers: of the CPU, and where there is a GPU of that.
    """

    steps: int
    loss: torch.Tensor
    seconds: float
    random: tuple[torch.Tensor, ...]

    def draw_on(self, device: torch.device) -> None:
        """Draw random numbers as the process that made the checkpoint would have gone on to."""
        torch.set_rng_state(self.random[0])
        if device.type == "cuda" and len(self.random) > 1:
            torch.cuda.set_rng_state(self.random[1], device)


def save_position(folder: Path, steps: int, loss: torch.Tensor, seconds: float) -> None:
    """A position into a checkpoint, see `Position`."""
    state = {"steps": torch.tensor(steps), "loss": loss.cpu(), "seconds": torch.tensor(seconds),
             "random.0": torch.get_rng_state()}  # fmt: skip
    if loss.is_cuda:
        state["random.1"] = torch.cuda.get_rng_state(loss.device)
    save_file(state, folder / _INSIDE)


def load_position(folder: Path) -> Position | None:
    """The position at which a checkpoint was made; None where that was the end of an epoch."""
    if not (folder / _INSIDE).exists():
        return None
    state = load_file(folder / _INSIDE)
    random = tuple(state[name] for name in ("random.0", "random.1") if name in state)
    return Position(steps=int(state["steps"]), loss=state["loss"], seconds=float(state["seconds"]), random=random)
