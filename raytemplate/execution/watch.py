"""Tells a listener what happens in a run folder that another process is writing."""

import time
from collections import Counter
from collections.abc import Callable, Iterable

from raytemplate.budget import Spent
from raytemplate.execution.journal import Journal
from raytemplate.execution.told_losses import LossesTold
from raytemplate.planning.stages import RunPlan
from raytemplate.planning.trial import incumbent_of
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.run import StageName
from raytemplate.records.swept import SweepNow, SweepResult, TrialState
from raytemplate.reports.listener import Listener

_SWEEP: tuple[StageName, type] = ("sweep", SweepResult)


class Watch:
    """Reports each door, trial and epoch once, in order, as its record appears.

    Args:
        spent: returns what the run has spent so far, including earlier processes.
        about_data: returns what is to be told about the data once it has been read.
    """

    def __init__(
        self,
        plan: RunPlan,
        listener: Listener,
        spent: Callable[[], Spent],
        about_data: Callable[[Snapshot, Journal], Iterable[str]] = lambda *_: (),
    ) -> None:
        self._plan, self._listener, self._spent, self._about_data = plan, listener, spent, about_data
        self._losses = LossesTold(listener)
        sweep = (_SWEEP,) if plan.sweep else ()
        self._doors: tuple[tuple[StageName, type], ...] = (
            ("ingest", Snapshot), *sweep, ("fit", FitResult), ("evaluate", Evaluation),
        )  # fmt: skip
        self._passed, self._begun, self._epochs, self._trials = 0, 0, 0, 0
        self._incumbent = incumbent_of(plan.sweep) if plan.sweep else None
        self._counts: Counter[TrialState] = Counter()
        self._since = time.monotonic()

    def tell(self, journal: Journal) -> None:
        """Report what is new since the last call."""
        for name, kind in self._doors[self._passed :]:
            if self._begun == self._passed:
                self._listener.stage_started(name)
                self._begun += 1
            if name == "sweep":
                self._tell_trials(journal)
            if name == "fit":
                self._tell_epochs(journal)
            record = journal.read(kind)
            if record is None:
                return
            if isinstance(record, Snapshot):
                for line in self._about_data(record, journal):
                    self._listener.note(line)
            self._listener.stage_ended(name, record, time.monotonic() - self._since)
            self._passed, self._since = self._passed + 1, time.monotonic()

    def _tell_trials(self, journal: Journal) -> None:
        """Report new trials. Which ones run and how many more fit is known only to the process that runs them."""
        assert self._incumbent is not None
        trials = journal.trials()
        left_s = self._left_s("sweep") if len(trials) > self._trials else 0.0
        for record in trials[self._trials :]:
            self._counts[record.state] += 1
            self._incumbent.add(record)
            self._listener.trial(record, self._incumbent.best, left_s)
        if len(trials) > self._trials:
            self._listener.searching(
                SweepNow(
                    counts=tuple(self._counts.items()),
                    running=(),
                    best=self._incumbent.best,
                    more=None,
                    left_s=left_s,
                )
            )
        self._trials = max(self._trials, len(trials))

    def _tell_epochs(self, journal: Journal) -> None:
        self._losses.tell(journal)
        epochs = journal.told_epochs()[self._epochs :]
        left_s = self._left_s("fit") if epochs else 0.0
        for record in epochs:
            self._listener.epoch(record, self._plan, left_s)
        self._epochs += len(epochs)

    def _left_s(self, stage: StageName) -> float:
        """Seconds left for training, by time or by money, computed as the run's own meter does."""
        limits = self._plan.limits
        meter = limits.meter(self._spent(), time.monotonic())
        with meter.holding(limits.held_usd_per_s(stage)):
            return meter.training_remaining_s()
