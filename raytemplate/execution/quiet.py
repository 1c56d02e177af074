"""A listener for runs that nobody watches."""

from __future__ import annotations

from raytemplate.planning.stages import RunPlan
from raytemplate.records.fitted import EpochRecord
from raytemplate.records.swept import SweepNow, TrialRecord


class Quiet:
    """A listener that hears and says nothing."""

    def started(self, plan: RunPlan, run_id: str) -> None:
        """See `Listener`."""

    def stage_started(self, stage: str) -> None:
        """See `Listener`."""

    def epoch(self, record: EpochRecord, plan: RunPlan, left_s: float) -> None:
        """See `Listener`."""

    def trial(self, record: TrialRecord, best: TrialRecord | None, left_s: float) -> None:
        """See `Listener`."""

    def searching(self, now: SweepNow) -> None:
        """See `Listener`."""

    def stage_ended(self, stage: str, record: object, seconds: float) -> None:
        """See `Listener`."""

    def note(self, text: str) -> None:
        """See `Listener`."""
