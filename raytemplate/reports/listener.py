"""The interface of whatever follows a run."""

from raytemplate.planning.stages import RunPlan
from raytemplate.records.fitted import EpochRecord
from raytemplate.records.run import StageName
from raytemplate.records.swept import SweepNow, TrialRecord


class Listener:
    """Is told what happens during a run. The base class does nothing: for runs that nobody watches."""

    def started(self, plan: RunPlan, run_id: str) -> None:
        """The run has its folder."""

    def stage_started(self, stage: StageName) -> None:
        """A stage begins."""

    def epoch(self, record: EpochRecord, plan: RunPlan, left_s: float) -> None:
        """An epoch ended."""

    def trial(self, record: TrialRecord, best: TrialRecord | None, left_s: float) -> None:
        """A trial of the sweep ended; `best` is the best so far."""

    def searching(self, now: SweepNow) -> None:
        """The state of the sweep, a few times a second."""

    def stage_ended(self, stage: StageName, record: object, seconds: float) -> None:
        """A stage ended with its record."""

    def note(self, text: str) -> None:
        """Something a person should know."""
