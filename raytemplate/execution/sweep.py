"""A sweep within a budget: trials are asked for, admitted, listened to, told and ended. No engine and no files."""

from __future__ import annotations

import math
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import TrialState as State

from raytemplate import plugins
from raytemplate.budget import Clock, Meter
from raytemplate.errors import BudgetSpent, TrainingFailed
from raytemplate.execution.pace import Pace
from raytemplate.execution.trials import MOST_COPIED, Ended, Reported, Slots, Trial
from raytemplate.planning.stages import FitStage, SweepStage
from raytemplate.planning.trial import told_every, trial_stage
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import EpochRecord, Usage
from raytemplate.records.swept import RunningTrial, SweepNow, SweepResult, TrialBegun, TrialRecord, TrialState
from raytemplate.tuning.front import SECONDS, Objective, add_to_front, picked, values_of
from raytemplate.tuning.schedulers import pruner, rungs
from raytemplate.tuning.searches import Search
from raytemplate.tuning.space import Scalar, draw_all, every_point

OnTrial = Callable[[TrialRecord, TrialRecord | None, float], None]
Begun = tuple[TrialBegun, tuple[EpochRecord, ...]]
OnNews = Callable[[SweepNow], None]
_GRACE_S = 1.0
"""After its time a trial has so long to end by itself."""
_LEAST_EPOCH_SHARE = 1.2
"""So many times its expected seconds must be left for a trial of one epoch to be worth its start."""
_MOST_DRAWS = 10
"""So many draws that do not fit end the sweep."""
_COPY_S, _MOST_COPYING = 0.025, 0.05
"""What MLflow's copy of a trial takes, and the share of the time limit that all may take: it is made afterwards."""
_BEFORE_GIVING_UP = 5
"""So many trials must have ended before their failures say something of the sweep."""
_WAIT_S = 0.5
_NEWS_S = 0.2


@dataclass(kw_only=True)
class _Running:
    asked: Any
    trial: Trial
    values: dict[str, Scalar]
    planned_s: float
    started: float
    epochs: list[EpochRecord] = field(default_factory=list[EpochRecord])
    num_before: int = 0
    """So many of the epochs are an earlier process's."""
    compared: dict[str, float] = field(default_factory=dict[str, float])
    pruned: bool = False

    @property
    def from_epoch(self) -> int:
        """The last epoch of an earlier process; 0 where there is none."""
        return self.epochs[self.num_before - 1].epoch if self.num_before else 0


@dataclass(kw_only=True)
class Sweep:
    """One sweep of one run.

    Args:
        num_rows: rows of the train window, for the first forecast of a trial; `refit_rows` those of the last training.
        known: trials of earlier processes of this run.
        begun: trials that such a process did not end, each with its epochs: they are gone on with.
        slot_usd_per_s: what a trial is charged, in US dollars a second.
        encoding_s: what encoding the data with the winner's features takes, before the last training.
        on_begin: keeps what a trial was begun with, so that it can be gone on with.
        on_trial: hears of each trial that ended, of the best so far and of the seconds left for trials; keeps it.
        on_news: hears now and then how it stands.
    """

    stage: SweepStage
    slots: Slots
    meter: Meter
    num_rows: int
    refit_rows: int
    known: tuple[TrialRecord, ...] = ()
    begun: tuple[Begun, ...] = ()
    slot_usd_per_s: float = 0.0
    encoding_s: float = 0.0
    on_begin: Callable[[TrialBegun], None] = lambda begun: None
    on_trial: OnTrial = lambda record, best, left_s: None
    on_news: OnNews = lambda now: None
    clock: Clock = time.monotonic
    _done: list[TrialRecord] = field(default_factory=list[TrialRecord])
    _running: dict[int, _Running] = field(default_factory=dict[int, _Running])
    _incumbent: TrialRecord | None = None
    _front: list[TrialRecord] = field(default_factory=list[TrialRecord])
    _number: int = 0
    _counts: Counter[TrialState] = field(default_factory=Counter[TrialState])
    _told: float = -_NEWS_S
    _ended: str = ""
    _held_s: float = 0.0

    def __post_init__(self) -> None:
        self._pace = Pace(stage=self.stage, num_rows=self.num_rows, last_rows=self.refit_rows)

    def run(self) -> SweepResult:
        """All trials there is time for.

        Raises:
            BudgetSpent: the budget ended before one trial had an epoch.
            TrainingFailed: no trial can be promoted, or too many failed.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        began, search = self.clock(), self._search()
        self._number = max([r.number for r in self.known] + [begun.number for begun, _ in self.begun], default=0)
        self._study = self._new_study(search)
        self._take_back()
        self._unfinished = list(self.begun)
        self._points = self._first_points(search)
        try:
            self._loop()
        finally:
            for slot in list(self._running):
                self.slots.kill(slot)
        return self._result(self.clock() - began)

    def _first_points(self, search: Search) -> deque[dict[str, Scalar]]:
        """What is tried first and once: all there is, or what won before."""
        tried = {record.values for record in self.known} | {begun.values for begun, _ in self.begun}
        points = every_point(self.stage.space) if search.finite_only else map(dict, self.stage.begin_with)
        return deque(point for point in points if Settings(point) not in tried)

    def _search(self) -> Search:
        return plugins.load(plugins.SEARCHES, self.stage.search)

    def _new_study(self, search: Search) -> optuna.Study:
        ways = tuple(one.higher_is_better for one in self._objectives())
        # With the seed of a search from the start, one that is gone on with would draw its first values again.
        return optuna.create_study(
            sampler=search.sampler(self.stage.seed + self._number),
            pruner=pruner(self.stage.scheduler),
            directions=["maximize" if higher else "minimize" for higher in ways],
            study_name="sweep",  # hyperband takes a trial's bracket from it
        )

    def _take_back(self) -> None:
        """The trials of earlier processes: the search has learned from them, and none is run again."""
        for record in self.known:
            asked, _ = self._ask(dict(record.values))
            for percent, value in record.compared.items():
                asked.report(value, int(percent))
            self._teach(asked, record)
            self._count(record)
            self._held_s += record.actual_s
            if record.epochs:
                self._pace.took(record.family, record.number, record.actual_s, record.epochs)

    def _loop(self) -> None:
        while True:
            while (slot := self._free_slot()) is not None and self._start_one(slot):
                pass
            if not self._running:
                return
            self._tell()
            events = self.slots.wait(self._patience_s())
            while events:  # all there are: one that has ended is not overdue
                for event in events:
                    if isinstance(event, Reported):
                        self._heard(event)
                    else:
                        self._end(event)
                events = self.slots.wait(0.0)
            self._end_overdue()
            self._refuse_failures()

    def _free_slot(self) -> int | None:
        free = [n for n in range(min(self.stage.slots, self.slots.num)) if n not in self._running]
        found = next((n for n in free if self.slots.is_open(n)), None)
        # While none runs one is begun all the same: it waits for room.
        return free[0] if found is None and free and not self._running else found

    def _start_one(self, slot: int) -> bool:
        """Admit one more trial, if there is one and it fits what is left; whether it was."""
        if self._ended:
            return False
        if self.stage.num_trials and len(self._done) + len(self._running) >= self.stage.num_trials:
            self._ended = "trials"
            return False
        left_s = self.left_s()
        if left_s <= 0:
            self._ended = self.meter.ended_by(training=True)
            return False
        if self._unfinished:
            self._go_on_with(slot, *self._unfinished.pop(0), left_s)
            return True
        for _ in range(_MOST_DRAWS):
            found = self._next()
            if found is None:
                self._ended = "all values tried"
                return False
            asked, values = found
            trial, planned_s = self._fitting(values, left_s)
            if trial is not None:
                break
            # One that does not fit; another, of a quicker family, may.
            self._study.tell(asked, state=State.FAIL)
        else:
            self._ended = (
                "budget.per_trial"
                if left_s > (self.stage.per_trial_s or left_s)
                else self.meter.ended_by(training=True)
            )
            return False
        self._number = trial.number
        self._running[slot] = _Running(
            asked=asked, trial=trial, values=values, planned_s=planned_s, started=self.clock()
        )
        self.on_begin(TrialBegun(number=trial.number, values=Settings(values), num_epochs=trial.stage.num_epochs))
        self.slots.start(slot, trial)
        return True

    def _go_on_with(self, slot: int, begun: TrialBegun, epochs: tuple[EpochRecord, ...], left_s: float) -> None:
        """A trial that an earlier process had begun, from its last checkpoint."""
        asked, values = self._ask(dict(begun.values))
        stage = trial_stage(self.stage, values, num_epochs=begun.num_epochs)
        done, trained_s = (epochs[-1].epoch, epochs[-1].wall_clock_s) if epochs else (0, 0.0)
        limit_s = min(left_s, max(0.0, (self.stage.per_trial_s or math.inf) - trained_s))
        running = _Running(
            asked=asked, trial=self._trial(begun.number, values, stage, limit_s), values=values, started=self.clock(),
            planned_s=self._pace.start_s() + self._pace.epoch_s(stage.family) * (begun.num_epochs - done),
            epochs=list(epochs), num_before=len(epochs),
        )  # fmt: skip
        for epoch in epochs:
            if epoch.epoch in running.trial.asks_at:
                self._compare(running, epoch)
        if running.pruned or done >= begun.num_epochs:
            self._keep(running, "pruned" if running.pruned else "finished", "")
            return
        self._running[slot] = running
        self.slots.start(slot, running.trial)

    def _next(self) -> tuple[Any, dict[str, Scalar]] | None:
        if self._points:
            return self._ask(self._points.popleft())
        return None if self._search().finite_only else self._ask(None)

    def _ask(self, point: dict[str, Any] | None) -> tuple[Any, dict[str, Scalar]]:
        if point is not None:
            self._study.enqueue_trial(point)
        asked = self._study.ask()
        return asked, draw_all(self.stage.space, asked)

    def _fitting(self, values: dict[str, Scalar], left_s: float) -> tuple[Trial | None, float]:
        """The trial with as many epochs as fit, and its expected seconds; None if not one fits."""
        stage = trial_stage(self.stage, values)
        pace_s, limit_s = self._pace.epoch_s(stage.family), min(left_s, self.stage.per_trial_s or left_s)
        start_s = self._pace.start_s()
        num_epochs, planned_s = stage.num_epochs, start_s + pace_s * stage.num_epochs
        # Before any of its family was seen the first is admitted: its own limit ends it in time.
        if planned_s > limit_s and self._pace.has_seen(stage.family):
            if start_s + pace_s * _LEAST_EPOCH_SHARE > limit_s:
                return None, planned_s
            num_epochs = max(1, min(num_epochs, int((limit_s - start_s) / pace_s)))
            planned_s = start_s + pace_s * num_epochs
        asked = trial_stage(self.stage, values, num_epochs=num_epochs)
        return self._trial(self._number + 1, values, asked, limit_s), planned_s

    def _trial(self, number: int, values: dict[str, Scalar], stage: FitStage, limit_s: float) -> Trial:
        asks_at = tuple(rungs(self.stage.scheduler, stage.num_epochs, told_every(stage)))
        return Trial(number=number, values=Settings(values), limit_s=limit_s, stage=stage, asks_at=asks_at)

    def left_s(self) -> float:
        """Seconds left for trials: the last training and what follows it are taken off."""
        copying_s = min(_COPY_S * min(len(self._done), MOST_COPIED), _MOST_COPYING * self.meter.limit_s)
        left_s = self.meter.training_remaining_s() - self._pace.last_s(self._incumbent)
        return left_s - self.encoding_s - copying_s

    def _tell(self) -> None:
        now = self.clock()
        if now - self._told < _NEWS_S:
            return
        self._told = now
        running = tuple(
            RunningTrial(
                number=one.trial.number, epoch=one.epochs[-1].epoch if one.epochs else 0,
                num_epochs=one.trial.stage.num_epochs, step=one.trial.stage.step, running_s=now - one.started,
            )
            for one in self._running.values()
        )  # fmt: skip
        self.on_news(SweepNow(
            counts=tuple(self._counts.items()), running=running, best=self._incumbent, more=self._more(),
            left_s=self.left_s(),
        ))  # fmt: skip

    def _more(self) -> int:
        """How many trials will still be begun if they take as long as those before; of those that run, half is over."""
        if self._ended:
            return 0
        planned = [one.planned_s for one in self._running.values()]
        one_s = self._held_s / len(self._done) if self._done else statistics.mean(planned)
        slots = min(self.stage.slots, self.slots.num)
        more = max(0, int(slots * self.left_s() / max(one_s, 1e-3) - len(self._running) / 2))
        if self.stage.num_trials:
            more = min(more, self.stage.num_trials - len(self._done) - len(self._running))
        return min(more, len(self._points)) if self._search().finite_only else more

    def _heard(self, event: Reported) -> None:
        running = self._running.get(event.slot)
        if running is None:
            return
        running.epochs.append(event.epoch)
        begun = running.num_before
        self._pace.heard(running.trial.stage.family, running.trial.number, running.epochs[begun:], running.from_epoch)
        if event.epoch.epoch in running.trial.asks_at:
            self._compare(running, event.epoch)
            self.slots.answer(event.slot, not running.pruned)

    def _compare(self, running: _Running, epoch: EpochRecord) -> None:
        """With the trials that came as far; whether it is worth going on."""
        stage = running.trial.stage
        percent = rungs(self.stage.scheduler, stage.num_epochs, told_every(stage))[epoch.epoch]
        running.asked.report(epoch.validation, percent)
        running.compared[str(percent)] = epoch.validation
        running.pruned = bool(running.asked.should_prune())

    def _end(self, event: Ended) -> None:
        running = self._running.pop(event.slot, None)
        if running is not None:
            self._keep(running, _state(running, event), event.problem, waited=event.waited)

    def _end_overdue(self) -> None:
        for slot, running in list(self._running.items()):
            if self.clock() - running.started > running.trial.limit_s + _GRACE_S:
                self.slots.kill(slot)
                del self._running[slot]
                self._keep(running, "cut", "did not end when its time was up")

    def _patience_s(self) -> float:
        ends = [one.started + one.trial.limit_s + _GRACE_S - self.clock() for one in self._running.values()]
        return max(0.01, min(_WAIT_S, *ends))

    def _keep(self, running: _Running, state: TrialState, problem: str, *, waited: bool = False) -> None:
        actual_s = self.clock() - running.started
        self._held_s += actual_s
        family, number = running.trial.stage.family, running.trial.number
        if not running.epochs and state == "cut" and not waited:
            self._pace.took(family, number, actual_s, 1)
        elif running.epochs and state in ("finished", "pruned"):
            self._pace.ended(family, number, actual_s, running.epochs[-1].epoch - running.from_epoch)
        record = _record(
            running, state, problem, actual_s, actual_s * self.slot_usd_per_s,
            higher=self.stage.arms[0].higher_is_better, timed=SECONDS in {one.name for one in self._objectives()},
        )  # fmt: skip
        self._teach(running.asked, record)
        self._count(record)
        self.on_trial(record, self._incumbent, self.left_s())

    def _objectives(self) -> tuple[Objective, ...]:
        arm = self.stage.arms[0]
        return self.stage.objectives or (Objective(name=arm.metric, higher_is_better=arm.higher_is_better),)

    def _teach(self, asked: Any, record: TrialRecord) -> None:
        """What became of it, for the search to learn from."""
        if record.is_promotable:
            self._study.tell(asked, values_of(record, self._objectives()))
        else:
            self._study.tell(asked, state=State.FAIL)

    def _count(self, record: TrialRecord) -> None:
        """One more that has ended. What is asked of all of them is kept up here: no event costs more than the first."""
        self._done.append(record)
        self._number = max(self._number, record.number)
        self._counts[record.state] += 1
        if not record.is_promotable:
            return
        if self.stage.pick:
            self._front = add_to_front(self._front, record, self.stage.objectives)
            self._incumbent = picked(self._front, self.stage.objectives, self.stage.pick)
        else:
            self._incumbent = min(self._incumbent or record, record, key=self._order)

    def _order(self, record: TrialRecord) -> tuple[bool, float, int]:
        return record.order(higher_is_better=self.stage.arms[0].higher_is_better)

    def _refuse_failures(self) -> None:
        num_failed = self._counts["diverged"] + self._counts["failed"]
        if len(self._done) < _BEFORE_GIVING_UP or num_failed <= self.stage.max_failed * len(self._done):
            return
        failed = [record for record in self._done if record.state in ("diverged", "failed")]
        raise TrainingFailed(
            f"{len(failed)} of {len(self._done)} trials failed, the last: {failed[-1].problem}",
            next_step="narrow tuning.space, or raise tuning.max_failed",
        )

    def _result(self, wall_s: float) -> SweepResult:
        best = self._incumbent
        if best is None:
            self._say_why_none()
        assert best is not None
        cpus = self.stage.arms[0].cpus_per_worker * self.stage.workers
        return SweepResult(
            best=best, trials=tuple(self._done), metric=self.stage.arms[0].metric, ended=self._ended or "trials",
            sampler=type(self._study.sampler).__name__, slots=self.stage.slots,
            usage=Usage(wall_clock_s=wall_s, cpu_s=self._held_s * cpus, cost_usd=wall_s * self.meter.rate),
        )  # fmt: skip

    def _say_why_none(self) -> None:
        problems = [record.problem for record in self._done if record.problem]
        if self._done and all(record.state in ("diverged", "failed") for record in self._done):
            raise TrainingFailed(
                f"no trial of {len(self._done)} could be used, the last: {problems[-1]}",
                next_step="narrow tuning.space",
            )
        short = self._ended if self._ended.startswith("budget.") else self.meter.ended_by(training=True)
        raise BudgetSpent(
            f"{self.meter.told()} were spent before one trial had an epoch; there is no candidate",
            next_step=f"raise {short}, or train on less",
        )


def _state(running: _Running, event: Ended) -> TrialState:
    if event.how != "trained":
        return event.how
    if running.pruned:
        return "pruned"
    return "cut" if event.stopped == "budget.time" else "finished"


def _record(
    running: _Running, state: TrialState, problem: str, actual_s: float, cost_usd: float, *, higher: bool, timed: bool
) -> TrialRecord:
    sign = -1.0 if higher else 1.0
    best = min(running.epochs, key=lambda e: (sign * e.validation, e.epoch), default=None)
    stage = running.trial.stage
    return TrialRecord(
        number=running.trial.number, values=Settings(running.values), family=stage.family, state=state,
        epochs=running.epochs[-1].epoch if running.epochs else 0, num_epochs=stage.num_epochs,
        best_epoch=best.epoch if best else 0, validation=best.validation if best else None,
        planned_s=running.planned_s, actual_s=actual_s, problem=problem,
        cost_usd=cost_usd, compared=Settings(running.compared),
        also=Settings({**best.also, **({SECONDS: best.wall_clock_s} if timed else {})} if best else {}),
    )  # fmt: skip
