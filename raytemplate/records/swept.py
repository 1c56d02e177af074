"""Records of a sweep: its trials and the one that won."""

from dataclasses import dataclass, field
from typing import Literal

from raytemplate.loss import loss
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import Usage

SweepEnd = Literal["trials", "all values tried", "budget.time", "budget.cost", "budget.per_trial"]
TrialState = Literal["finished", "pruned", "cut", "diverged", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialBegun:
    """A trial that was started, with what is needed to resume it."""

    number: int

    values: Settings
    """Field -> the value drawn for it."""

    num_epochs: int
    """Most epochs it may train."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRecord:
    """A trial that ended. Seconds and cost are those of the process in which it ended."""

    number: int

    values: Settings
    """Field -> the value drawn for it."""

    family: str
    """Model family."""

    state: TrialState
    """ "finished": it trained all its epochs. "pruned": the scheduler ended it. "cut": its time was up. "diverged": its
    numbers became NaN or infinite. "failed": anything else, see `problem`."""

    epochs: int
    """Epochs it trained."""

    num_epochs: int
    """Most epochs it was allowed to train."""

    best_epoch: int
    """Epoch with the best validation."""

    validation: float | None
    """Deciding metric on the validation window at its best epoch; None if none was measured."""

    planned_s: float
    """Seconds that it was expected to take."""

    actual_s: float
    """Seconds that it took."""

    problem: str = ""
    """How it failed; "" if it did not."""

    cost_usd: float = 0.0
    """Cost in US dollars."""

    also: Settings = field(default_factory=Settings)
    """Objective -> its value at the best epoch, if there are several objectives."""

    lost: bool = False
    """Whether its machine or storage failed, not the trial itself: its values are then not to blame."""

    rungs: Settings = field(default_factory=Settings)
    """Validation at each epoch after which it was compared with others of its family. Records of earlier versions,
    which compared all families by percent of a trial's own epochs, have none and are not compared with."""

    def order(self, *, higher_is_better: bool) -> tuple[bool, float, int]:
        """Sort key: the best validation first, the earliest of equals, and trials that may not win last."""
        value = loss(self.validation or 0.0, higher_is_better=higher_is_better)
        return (not self.is_promotable, value, self.number)

    @property
    def is_promotable(self) -> bool:
        """Whether it may win."""
        return self.validation is not None and self.state in ("finished", "pruned", "cut")


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepResult:
    """A sweep that ended with a winner."""

    best: TrialRecord
    """The winner."""

    trials: tuple[TrialRecord, ...]
    """All trials, including the winner."""

    metric: str
    """The deciding metric."""

    ended: SweepEnd
    """Why the sweep ended; a budget is named by its field."""

    sampler: str
    """Class that chose the values."""

    slots: int
    """Trials at once."""

    usage: Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningTrial:
    """A trial that is training now."""

    number: int

    epoch: int
    """Last epoch that it reported; 0 before the first."""

    num_epochs: int
    """Most epochs it may train."""

    step: str
    """What its family calls one of its epochs, such as "round"."""

    running_s: float
    """Seconds since it started."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepNow:
    """The progress of a running sweep: passed to listeners, not stored."""

    counts: tuple[tuple[TrialState, int], ...]
    """Trials that ended, by state."""

    running: tuple[RunningTrial, ...]
    """Trials that are training now."""

    best: TrialRecord | None
    """The best trial so far; None before any."""

    more: int | None
    """Trials still expected to start; None if unknown."""

    left_s: float
    """Seconds left for trials."""
