"""What a sweep needs of whoever runs its trials, as a Protocol, and what the two say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from raytemplate.planning.stages import FitStage
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import EpochRecord

MOST_COPIED = 200
"""So many trials, the best, are copied to MLflow when the sweep has ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One trial to be run.

    Args:
        limit_s: seconds after which it ends by itself, between two steps.
        asks_at: epochs after which it waits to be told whether it goes on.
        values: all that it drew; those of `model` and `training` are in its stage.
    """

    number: int
    values: Settings
    stage: FitStage
    limit_s: float
    asks_at: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """An epoch of the trial in a slot."""

    slot: int
    epoch: EpochRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """The trial in a slot has ended, and the slot is free.

    Args:
        stopped: as a `FitResult` has it.
        problem: how it failed.
        waited: its time was up before its features were encoded: that says nothing of its epochs.
    """

    slot: int
    how: Literal["trained", "diverged", "failed"]
    stopped: str = ""
    problem: str = ""
    waited: bool = False


class Slots(Protocol):
    """Places for trials: each runs one at a time."""

    num: int

    def is_open(self, slot: int) -> bool:
        """Whether there is room for a trial there: after a machine was lost there may be less than before."""
        ...

    def start(self, slot: int, trial: Trial) -> None:
        """Begin a trial in a free slot; returns at once."""
        ...

    def wait(self, timeout_s: float) -> tuple[Reported | Ended, ...]:
        """What was said meanwhile, in the order it was said; nothing when the time is up."""
        ...

    def answer(self, slot: int, go_on: bool) -> None:
        """Tell a trial that waits."""
        ...

    def kill(self, slot: int) -> None:
        """End whatever runs there, at once; the slot is free again."""
        ...
