"""What a sweep hands on: its trials and the one that won."""

from dataclasses import dataclass, field
from typing import Literal

from raytemplate.loss import loss
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import Usage

SweepEnd = Literal["trials", "all values tried", "budget.time", "budget.cost", "budget.per_trial"]
TrialState = Literal["finished", "pruned", "cut", "diverged", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialBegun:
    """A trial that was begun, with what it needs to be gone on with."""

    number: int
    values: Settings
    num_epochs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRecord:
    """A trial that ended. `validation` is that of its best epoch, None where none was measured. Seconds and cost are
    those of the process in which it ended.

    `state`: it trained all its epochs ("finished"), the scheduler ended it ("pruned"), its time was up ("cut"), its
    numbers became NaN or infinite ("diverged"), or it failed; `problem` says how. `also` are the other
    objectives at its best epoch, where there are several.
    """

    number: int
    values: Settings
    family: str
    state: TrialState
    epochs: int
    num_epochs: int
    best_epoch: int
    validation: float | None
    planned_s: float
    actual_s: float
    problem: str = ""
    cost_usd: float = 0.0
    also: Settings = field(default_factory=Settings)
    lost: bool = False
    """Whether its machine or its storage failed, and not the trial: that says nothing of the values that it drew."""
    rungs: Settings = field(default_factory=Settings)
    """Validation at each epoch after which it was compared with others of its family. Records of earlier versions,
    which compared all families by percent of a trial's own epochs, have none: nobody is compared with those trials."""

    def order(self, *, higher_is_better: bool) -> tuple[bool, float, int]:
        """Sorts the best validation first, of equals the earliest, and last what may not win."""
        value = loss(self.validation or 0.0, higher_is_better=higher_is_better)
        return (not self.is_promotable, value, self.number)

    @property
    def is_promotable(self) -> bool:
        """Whether it may win."""
        return self.validation is not None and self.state in ("finished", "pruned", "cut")


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepResult:
    """A sweep that ended with a winner.

    `ended` says why, where it is a budget by its field; `sampler` is the class that
    chose the values.
    """

    best: TrialRecord
    trials: tuple[TrialRecord, ...]
    metric: str
    ended: SweepEnd
    sampler: str
    slots: int
    usage: Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningTrial:
    """A trial that trains: `epoch` is the last that it told of, 0 before any; `step` is what its epochs are called."""

    number: int
    epoch: int
    num_epochs: int
    step: str
    running_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepNow:
    """A sweep as it goes on: told, not kept.

    `counts` are trials that ended, by state; `more` is how many besides those that run are expected to be begun, None
    where that is not known; `left_s` are the seconds left for trials.
    """

    counts: tuple[tuple[TrialState, int], ...]
    running: tuple[RunningTrial, ...]
    best: TrialRecord | None
    more: int | None
    left_s: float
