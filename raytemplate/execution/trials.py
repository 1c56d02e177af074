"""A trial of a sweep: what is handed to an engine, what the engine reports about it, and its record."""

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
"""Largest number of trials, the best ones, that are copied to MLflow when the sweep has ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One trial to be run."""

    number: int
    """Its number in the sweep, from 1."""
    values: Settings
    """Everything it drew; the values of `model` and `training` are also in its stage."""
    stage: FitStage
    """What it trains."""
    limit_s: float
    """Seconds after which it ends by itself, between two steps."""
    asks_at: tuple[int, ...]
    """Epochs after which it waits to be told whether to continue."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a trial ended."""

    how: Literal["trained", "diverged", "failed", "overdue"]
    """"overdue" if it did not end when its time was up and the engine ended it."""
    stopped: StopReason | None = None
    """Why its training ended, as in a `FitResult`; None if it did not end normally."""
    problem: str = ""
    """How it failed; "" if it did not."""
    waited: bool = False
    """Whether its time was up before its features were encoded, which tells nothing about its epochs."""
    lost: bool = False
    """Whether its machine was lost, as in a `TrialRecord`."""


Said = EpochRecord | Ended
"""What a trial reports."""
OVERDUE = Ended(how="overdue", problem="did not end when its time was up")


@dataclass(kw_only=True)
class RunningNow:
    """A trial that runs or waits for resources, as its advisor knows it. Times are on the engine's clock."""

    drawn: Drawn
    """The draw of the study that it tries."""
    entry: Entry
    """Its entry with the pruner."""
    trial: Trial
    """What was handed to the engine."""
    planned_s: float
    """Seconds it is expected to take."""
    started: float
    """When it began, in seconds; while it waits, when it was drawn."""
    ends: float
    """When its time is up, in seconds; while it waits, when the time for all trials is up."""
    is_waiting: bool = True
    """Whether it still waits for resources."""
    epochs: list[EpochRecord] = field(default_factory=list[EpochRecord])
    """Its epochs so far, those of earlier processes first."""
    num_before: int = 0
    """How many of the epochs an earlier process trained."""
    pruned: bool = False
    """Whether it was told to stop because it fell behind."""

    @property
    def from_epoch(self) -> int:
        """The last epoch that an earlier process trained; 0 if there is none."""
        return self.epochs[self.num_before - 1].epoch if self.num_before else 0

    def shown(self, now: float) -> RunningTrial:
        """What is displayed about it."""
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
