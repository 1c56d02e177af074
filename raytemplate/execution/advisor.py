"""What a sweep tries next, how long each trial may continue, and which one won: rules only, no engine, clock or files.

An engine asks for trials, reports what becomes of them and ends those that are overdue. Trials are identified by
number; where they run is the engine's concern.
"""

import math
import statistics
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from raytemplate import plugins
from raytemplate.budget import Meter
from raytemplate.errors import BudgetSpent, RaytemplateError, TrainingFailed, Unavailable
from raytemplate.execution.pace import Pace
from raytemplate.execution.trials import MOST_COPIED, Ended, RunningNow, Trial, recorded
from raytemplate.planning.stages import FitStage, SweepStage
from raytemplate.planning.trial import incumbent_of, rungs_of, trial_stage, with_interval
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import EpochRecord, Usage
from raytemplate.records.swept import SweepEnd, SweepNow, SweepResult, TrialBegun, TrialRecord, TrialState
from raytemplate.tuning.front import SECONDS, Objective
from raytemplate.tuning.schedulers import Entry, Pruners
from raytemplate.tuning.space import Scalar, every_point
from raytemplate.tuning.study import Drawn, Study

OnTrial = Callable[[TrialRecord, TrialRecord | None, float], None]
Begun = tuple[TrialBegun, tuple[EpochRecord, ...]]
GRACE_S = 1.0
"""Seconds a trial may overrun before it is overdue and the engine ends it."""
_LEAST_EPOCH_SHARE = 1.2
"""Multiple of an epoch's expected seconds that must be left for a one-epoch trial to be worth starting."""
_MOST_DRAWS = 10
"""Draws in a row that do not fit the time left before the sweep ends."""
_COPY_S, _MOST_COPYING = 0.025, 0.05
"""Seconds to copy one trial to MLflow, and the largest share of the time limit for all copies, which are made after
the sweep."""
_BEFORE_GIVING_UP = 5
"""Trials that must have ended before their failures count as evidence about the sweep."""
_BUDGET: Final = "budget"
"""The run's budget; whether `budget.time` or `budget.cost` ran out is known only once the sweep has ended."""


@dataclass(kw_only=True)
class Advisor:
    """The rules of one sweep of one run."""

    stage: SweepStage
    num_rows: int
    """Rows of the train window, for the first forecast of a trial."""
    refit_rows: int
    """Rows of the last training."""
    budget_s: float
    """Time limit of the whole run, in seconds."""
    known: tuple[TrialRecord, ...] = ()
    """Trials that ended in earlier processes of this run."""
    begun: tuple[Begun, ...] = ()
    """Trials that an earlier process left unfinished, each with its epochs; they are resumed."""
    slot_usd_per_s: float = 0.0
    """What a trial is charged, in US dollars a second."""
    encoding_s: float = 0.0
    """Seconds to encode the data with the winner's features before the last training."""
    on_begin: Callable[[TrialBegun], None] = lambda begun: None
    """Keeps what a trial began with, so that it can be resumed; called before the trial is handed out."""
    on_trial: OnTrial = lambda record, best, left_s: None
    """Keeps each trial that ended; also gets the best trial so far and the seconds left for trials."""
    _done: list[TrialRecord] = field(default_factory=list[TrialRecord])
    _running: dict[int, RunningNow] = field(default_factory=dict[int, RunningNow])
    _counts: Counter[TrialState] = field(default_factory=Counter[TrialState])
    _num_failed: int = 0
    _over: SweepEnd | Literal["budget", ""] = ""
    _held_s: float = 0.0

    def __post_init__(self) -> None:
        search = plugins.load(plugins.SEARCHES, self.stage.search)
        self._number = max([r.number for r in self.known] + [begun.number for begun, _ in self.begun], default=0)
        self._pace = Pace(stage=self.stage, num_rows=self.num_rows, last_rows=self.refit_rows)
        # With the original seed, a resumed search would draw its first values again.
        self._study = Study(
            space=self.stage.space,
            sampler=search.sampler(self.stage.seed + self._number),
            objectives=self._objectives(),
        )
        self._rungs = rungs_of(self.stage)
        self._pruners = Pruners(self.stage.scheduler, self._rungs, higher_is_better=self.stage.arms[0].higher_is_better)
        self._incumbent = incumbent_of(self.stage)
        self._finite = search.finite_only
        self._unfinished = deque(self.begun)
        self._take_back()
        tried = {record.values for record in self.known} | {begun.values for begun, _ in self.begun}
        points = every_point(self.stage.space) if self._finite else map(dict, self.stage.begin_with)
        self._points = deque(point for point in points if Settings(point) not in tried)

    def next_trial(self, left_s: float, now: float) -> Trial | Literal["wait", "done"]:
        """A trial to begin at once; "wait" until a running one has ended; "done" if no more will follow.

        Args:
            left_s: seconds left for training; the share reserved for the last training is deducted here.
            now: seconds on any monotonic clock, the same one in all calls.

        Raises:
            TrainingFailed: too many trials failed.
        """
        self._refuse_failures()
        if len(self._running) >= self.stage.slots:
            return "wait"
        while not self._over:
            for_trials_s = self._for_trials(left_s)
            self._over = self._why_no_more(for_trials_s)
            if self._over:
                break
            if self._unfinished:
                trial = self._resumed(*self._unfinished.popleft(), left_s, now)
            else:
                trial = self._drawn(for_trials_s, now)
            if trial is not None:
                return trial
        return "wait" if self._running else "done"

    def began(self, number: int, left_s: float, now: float) -> float:
        """Note that a requested trial has got its resources and begins now.

        Returns:
            The seconds it may take.
        """
        running = self._running[number]
        limit_s = min(running.trial.limit_s, self._for_trials(left_s))
        running.is_waiting, running.started, running.ends = False, now, now + limit_s
        return limit_s

    def heard(self, number: int, epochs: tuple[EpochRecord, ...]) -> Literal["continue", "stop"]:
        """Take a trial's newest epochs and decide whether it should continue.

        The trial waits for the answer after each epoch in its `asks_at`. One that has already ended is told to stop.
        """
        running = self._running.get(number)
        if running is None:
            return "stop"
        for epoch in epochs:
            running.epochs.append(epoch)
            seen = running.epochs[running.num_before :]
            self._pace.heard(running.trial.stage.family, number, seen, running.from_epoch)
            if epoch.epoch in running.trial.asks_at:
                running.pruned = running.entry.falls_behind(epoch.epoch, epoch.validation)
        return "stop" if running.pruned else "continue"

    def ended(self, number: int, how: Ended, left_s: float, now: float) -> None:
        """Note that a trial has ended and its slot is free. A trial already known to have ended is ignored.

        A trial still waiting for resources when the time for all trials ran out counts as never drawn.
        """
        running = self._running.pop(number, None)
        if running is not None and running.is_waiting and how.how == "overdue":
            self._study.forget(running.drawn)
        elif running is not None:
            self._keep(running, how, left_s, now)

    def overdue(self, now: float) -> tuple[int, ...]:
        """Trials that did not end when their time was up. The engine ends them at once and reports it."""
        return tuple(number for number, one in self._running.items() if now > one.ends + GRACE_S)

    def patience_s(self, now: float) -> float:
        """Seconds until the next trial may be overdue."""
        return min((one.ends + GRACE_S - now for one in self._running.values()), default=math.inf)

    def standing(self, left_s: float, now: float) -> SweepNow:
        """The state of the sweep, for display."""
        return SweepNow(
            counts=tuple(self._counts.items()),
            running=tuple(one.shown(now) for one in self._running.values()),
            best=self._incumbent.best,
            more=self._more(left_s),
            left_s=self._for_trials(left_s),
        )

    def result(self, meter: Meter, wall_s: float) -> SweepResult:
        """Everything that was tried, and the winner.

        Raises:
            BudgetSpent: the budget ended before any trial completed an epoch.
            TrainingFailed: no trial can be promoted.
            Unavailable: every trial lost its machine.
        """
        over = meter.ended_by(training=True) if self._over == _BUDGET else self._over
        best = self._incumbent.best
        if best is None:
            raise self._without_winner(meter, over)
        cpus = self.stage.arms[0].cpus_per_worker * self.stage.workers
        return SweepResult(
            best=best,
            trials=tuple(self._done),
            metric=self.stage.arms[0].metric,
            ended=over or "trials",
            sampler=self._study.sampler,
            slots=self.stage.slots,
            usage=Usage(wall_clock_s=wall_s, cpu_s=self._held_s * cpus, cost_usd=wall_s * meter.rate),
        )

    def _take_back(self) -> None:
        """Teach the search the trials of earlier processes, so that none is run again."""
        for record in self.known:
            drawn, entry = self._study.ask(dict(record.values)), self._pruners.enter(record.family)
            for epoch, value in sorted((int(epoch), value) for epoch, value in record.rungs.items()):
                entry.falls_behind(epoch, value)
            self._learn(drawn, entry, record)
            self._count(record)
            self._held_s += record.actual_s
            if record.epochs:
                self._pace.took(record.family, record.number, record.actual_s, record.epochs)

    def _for_trials(self, left_s: float) -> float:
        """Seconds left for trials, after reserving time for the last training and for what follows it."""
        copying_s = min(_COPY_S * min(len(self._done), MOST_COPIED), _MOST_COPYING * self.budget_s)
        return left_s - self._pace.last_s(self._incumbent.best) - self.encoding_s - copying_s

    def _why_no_more(self, for_trials_s: float) -> Literal["trials", "budget", ""]:
        if self.stage.num_trials and len(self._done) + len(self._running) >= self.stage.num_trials:
            return "trials"
        return _BUDGET if for_trials_s <= 0 else ""

    def _drawn(self, left_s: float, now: float) -> Trial | None:
        """The next trial that fits the time left; None if there is none, with the reason set in `_over`."""
        for _ in range(_MOST_DRAWS):
            if not self._points and self._finite:
                self._over = "all values tried"
                return None
            drawn = self._study.ask(self._points.popleft() if self._points else None)
            trial, planned_s = self._fitting(drawn.values, left_s)
            if trial is not None:
                self._number = trial.number
                self._running[trial.number] = RunningNow(
                    drawn=drawn,
                    entry=self._pruners.enter(trial.stage.family),
                    trial=trial,
                    planned_s=planned_s,
                    started=now,
                    ends=now + left_s,
                )
                self.on_begin(TrialBegun(number=trial.number, values=trial.values, num_epochs=trial.stage.num_epochs))
                return trial
            self._study.forget(drawn)  # a draw of a faster family may still fit
        self._over = "budget.per_trial" if left_s > (self.stage.per_trial_s or left_s) else _BUDGET
        return None

    def _resumed(self, begun: TrialBegun, epochs: tuple[EpochRecord, ...], left_s: float, now: float) -> Trial | None:
        """A trial that an earlier process began, resumed from its last checkpoint; None if it had already finished."""
        drawn = self._study.ask(dict(begun.values))
        stage = trial_stage(self.stage, drawn.values, num_epochs=begun.num_epochs)
        done, trained_s = (epochs[-1].epoch, epochs[-1].wall_clock_s) if epochs else (0, 0.0)
        for_trials_s = self._for_trials(left_s)
        limit_s = min(for_trials_s, max(0.0, (self.stage.per_trial_s or math.inf) - trained_s))
        running = RunningNow(
            drawn=drawn,
            entry=self._pruners.enter(stage.family),
            started=now,
            ends=now + for_trials_s,
            trial=self._trial(begun.number, drawn.values, stage, limit_s),
            planned_s=self._pace.start_s() + self._pace.epoch_s(stage.family) * (begun.num_epochs - done),
            epochs=list(epochs),
            num_before=len(epochs),
        )
        for epoch in epochs:
            if epoch.epoch in running.trial.asks_at:
                running.pruned = running.entry.falls_behind(epoch.epoch, epoch.validation)
        if running.pruned or done >= begun.num_epochs:
            self._keep(running, Ended(how="trained", stopped="epochs"), left_s, now)
            return None
        self._running[begun.number] = running
        return running.trial

    def _fitting(self, values: dict[str, Scalar], left_s: float) -> tuple[Trial | None, float]:
        """The trial with as many epochs as fit, and its expected seconds; None if not even one epoch fits."""
        stage = trial_stage(self.stage, values)
        pace_s, limit_s = self._pace.epoch_s(stage.family), min(left_s, self.stage.per_trial_s or left_s)
        start_s = self._pace.start_s()
        num_epochs, planned_s = stage.num_epochs, start_s + pace_s * stage.num_epochs
        # The first trial of a family is always admitted: its own time limit ends it.
        if planned_s > limit_s and self._pace.has_seen(stage.family):
            if start_s + pace_s * _LEAST_EPOCH_SHARE > limit_s:
                return None, planned_s
            num_epochs = max(1, min(num_epochs, int((limit_s - start_s) / pace_s)))
            planned_s = start_s + pace_s * num_epochs
        asked = trial_stage(self.stage, values, num_epochs=num_epochs)
        return self._trial(self._number + 1, values, asked, limit_s), planned_s

    def _trial(self, number: int, values: dict[str, Scalar], stage: FitStage, limit_s: float) -> Trial:
        asks_at = tuple(epoch for epoch in self._pruners.rungs[stage.family] if epoch < stage.num_epochs)
        return Trial(
            number=number, values=Settings(values), limit_s=limit_s, stage=with_interval(stage), asks_at=asks_at
        )

    def _more(self, left_s: float) -> int | None:
        """How many more trials will begin if they take as long as earlier ones; running ones are assumed half done."""
        if self._over:
            return 0
        planned = [one.planned_s for one in self._running.values()]
        if not planned and not self._done:
            return None
        one_s = self._held_s / len(self._done) if self._done else statistics.mean(planned)
        more = max(0, int(self.stage.slots * self._for_trials(left_s) / max(one_s, 1e-3) - len(self._running) / 2))
        if self.stage.num_trials:
            more = min(more, self.stage.num_trials - len(self._done) - len(self._running))
        return min(more, len(self._points)) if self._finite else more

    def _learn(self, drawn: Drawn, entry: Entry, record: TrialRecord) -> None:
        self._study.teach(drawn, record)
        entry.end(record.validation if record.is_promotable else None)

    def _keep(self, running: RunningNow, how: Ended, left_s: float, now: float) -> None:
        actual_s = now - running.started
        self._held_s += actual_s
        record = recorded(
            running,
            how,
            actual_s=actual_s,
            usd_per_s=self.slot_usd_per_s,
            higher_is_better=self.stage.arms[0].higher_is_better,
            timed=SECONDS in {one.name for one in self._objectives()},
        )
        if not running.epochs and record.state == "cut" and not how.waited:
            self._pace.took(record.family, record.number, actual_s, 1)
        elif running.epochs and record.state in ("finished", "pruned"):
            self._pace.ended(record.family, record.number, actual_s, record.epochs - running.from_epoch)
        self._learn(running.drawn, running.entry, record)
        self._count(record)
        self.on_trial(record, self._incumbent.best, self._for_trials(left_s))

    def _objectives(self) -> tuple[Objective, ...]:
        arm = self.stage.arms[0]
        return self.stage.objectives or (Objective(name=arm.metric, higher_is_better=arm.higher_is_better),)

    def _count(self, record: TrialRecord) -> None:
        """Update the running totals for a trial that has ended, so that no event costs more than the first."""
        self._done.append(record)
        self._number = max(self._number, record.number)
        self._counts[record.state] += 1
        self._num_failed += _has_failed(record)
        self._incumbent.add(record)

    def _refuse_failures(self) -> None:
        if len(self._done) < _BEFORE_GIVING_UP or self._num_failed <= self.stage.max_failed * len(self._done):
            return
        failed = [record for record in self._done if _has_failed(record)]
        raise TrainingFailed(
            f"{len(failed)} of {len(self._done)} trials failed, the last: {failed[-1].problem}",
            next_step="narrow tuning.space, or raise tuning.max_failed",
        )

    def _without_winner(self, meter: Meter, over: str) -> RaytemplateError:
        if self._done and all(_has_failed(record) or record.lost for record in self._done):
            failed = [record for record in self._done if _has_failed(record)]
            what = f"no trial of {len(self._done)} could be used, the last: {(failed or self._done)[-1].problem}"
            return TrainingFailed(what, next_step="narrow tuning.space") if failed else Unavailable(what)
        short = over if over.startswith("budget.") else meter.ended_by(training=True)
        return BudgetSpent(
            f"{meter.told()} were spent before one trial had an epoch; there is no candidate",
            next_step=f"raise {short}, or train on less",
        )


def _has_failed(record: TrialRecord) -> bool:
    """Whether the trial itself failed: the loss of its machine says nothing about the search space."""
    return record.state in ("diverged", "failed") and not record.lost
