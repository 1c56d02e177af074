"""Tells a listener what happens in a run folder that another process writes."""

from __future__ import annotations

import time

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
        began: `time.monotonic()` when the clock of the budget began.
    """

    def __init__(self, plan: RunPlan, listener: Listener, began: float) -> None:
        self._plan, self._listener, self._began = plan, listener, began
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
        left_s = self._plan.limits.time_s - self._plan.limits.reserve_s - (time.monotonic() - self._began)
        epochs = journal.epochs()
        for record in epochs[self._epochs :]:
            self._listener.epoch(record, self._plan, left_s)
        self._epochs = max(self._epochs, len(epochs))
