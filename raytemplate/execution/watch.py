"""Tells a listener what happens in a run folder that another process writes."""

from __future__ import annotations

import time
from collections.abc import Callable

from raytemplate.budget import Spent
from raytemplate.execution.journal import Journal
from raytemplate.execution.ports import Listener
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot

_DOORS: tuple[tuple[str, type], ...] = (("ingest", Snapshot), ("fit", FitResult), ("evaluate", Evaluation))


class Watch:
    """Each door and each epoch is told once, in their order, when its record is there.

    Args:
        spent: what the run has spent by now, earlier processes included.
    """

    def __init__(self, plan: RunPlan, listener: Listener, spent: Callable[[], Spent]) -> None:
        self._plan, self._listener, self._spent = plan, listener, spent
        self._passed, self._begun, self._epochs = 0, 0, 0
        self._since = time.monotonic()

    def tell(self, journal: Journal) -> None:
        """What is new since it was last asked to tell."""
        for name, kind in _DOORS[self._passed :]:
            if self._begun == self._passed:
                self._listener.stage_started(name)
                self._begun += 1
            if name == "fit":
                self._tell_epochs(journal)
            record = journal.read(kind)
            if record is None:
                return
            self._listener.stage_ended(name, record, time.monotonic() - self._since)
            self._passed, self._since = self._passed + 1, time.monotonic()

    def _tell_epochs(self, journal: Journal) -> None:
        epochs = journal.epochs()[self._epochs :]
        left_s = self._left_s() if epochs else 0.0
        for record in epochs:
            self._listener.epoch(record, self._plan, left_s)
        self._epochs += len(epochs)

    def _left_s(self) -> float:
        """Seconds left for training, by time or by money, as the run's own meter tells them."""
        limits = self._plan.limits
        meter = limits.meter(self._spent(), time.monotonic())
        with meter.holding(limits.held_usd_per_s("fit")):
            return meter.training_remaining_s()
