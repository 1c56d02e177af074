"""A trial of a sweep: what is handed to an engine, what the engine says of it, and its record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from raytemplate.loss import loss
from raytemplate.planning.stages import FitStage
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import EpochRecord, StopReason
from raytemplate.records.swept import RunningTrial, SweepNow, TrialRecord, TrialState
from raytemplate.tuning.front import SECONDS

if TYPE_CHECKING:  # Optuna takes a third of a second
    from raytemplate.tuning.schedulers import Entry
    from raytemplate.tuning.study import Drawn

OnNews = Callable[[SweepNow], None]
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
class Ended:
    """How a trial ended.

    Args:
        how: "overdue" is one that did not end when its time was up and was ended by the engine.
        stopped: as a `FitResult` has it.
        problem: how it failed.
        waited: its time was up before its features were encoded: that says nothing of its epochs.
        lost: as `TrialRecord` has it.
    """

    how: Literal["trained", "diverged", "failed", "overdue"]
    stopped: StopReason | None = None
    problem: str = ""
    waited: bool = False
    lost: bool = False


Said = EpochRecord | Ended
"""What is heard of a trial."""
OVERDUE = Ended(how="overdue", problem="did not end when its time was up")


@dataclass(kw_only=True)
class RunningNow:
    """A trial that runs or waits for room, as its advisor knows it. Moments are of the engine's clock.

    Args:
        ends: when its time is up; while it waits, when that of all trials is.
        num_before: so many of the epochs are an earlier process's.
    """

    drawn: Drawn
    entry: Entry
    trial: Trial
    planned_s: float
    started: float
    ends: float
    is_waiting: bool = True
    epochs: list[EpochRecord] = field(default_factory=list[EpochRecord])
    num_before: int = 0
    pruned: bool = False

    @property
    def from_epoch(self) -> int:
        """The last epoch of an earlier process; 0 if there is none."""
        return self.epochs[self.num_before - 1].epoch if self.num_before else 0

    def shown(self, now: float) -> RunningTrial:
        """For those who look on."""
        return RunningTrial(
            number=self.trial.number,
            epoch=self.epochs[-1].epoch if self.epochs else 0,
            num_epochs=self.trial.stage.num_epochs,
            step=self.trial.stage.step,
            running_s=now - self.started,
        )


def recorded(
    running: RunningNow, how: Ended, *, actual_s: float, usd_per_s: float, higher_is_better: bool, timed: bool
) -> TrialRecord:
    """The record of a trial that has ended.

    Args:
        timed: whether its seconds are an objective.
    """
    best = min(
        running.epochs, key=lambda e: (loss(e.validation, higher_is_better=higher_is_better), e.epoch), default=None
    )
    stage = running.trial.stage
    return TrialRecord(
        number=running.trial.number,
        values=running.trial.values,
        family=stage.family,
        state=_state(running, how),
        epochs=running.epochs[-1].epoch if running.epochs else 0,
        num_epochs=stage.num_epochs,
        best_epoch=best.epoch if best else 0,
        validation=best.validation if best else None,
        planned_s=running.planned_s,
        actual_s=actual_s,
        problem=how.problem,
        lost=how.lost,
        cost_usd=actual_s * usd_per_s,
        rungs=Settings(running.entry.met),
        also=Settings({**best.also, **({SECONDS: best.wall_clock_s} if timed else {})} if best else {}),
    )


def _state(running: RunningNow, ended: Ended) -> TrialState:
    if ended.how == "overdue":
        return "cut"
    if ended.how != "trained":
        return ended.how
    if running.pruned:
        return "pruned"
    return "cut" if ended.stopped == "budget.time" else "finished"
