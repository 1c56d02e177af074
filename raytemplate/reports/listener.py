"""What hears of a run while it goes on."""

from raytemplate.planning.stages import RunPlan
from raytemplate.records.fitted import EpochRecord
from raytemplate.records.run import StageName
from raytemplate.records.swept import SweepNow, TrialRecord


class Listener:
    """Hears what happens while a run goes on. As it is, it says nothing: for runs that nobody watches."""

    def started(self, plan: RunPlan, run_id: str) -> None:
        """The run has its folder."""

    def stage_started(self, stage: StageName) -> None:
        """A stage begins."""

    def epoch(self, record: EpochRecord, plan: RunPlan, left_s: float) -> None:
        """An epoch ended."""

    def trial(self, record: TrialRecord, best: TrialRecord | None, left_s: float) -> None:
        """A trial of the sweep ended; `best` is the best so far."""

    def searching(self, now: SweepNow) -> None:
        """How the sweep stands; told a few times a second."""

    def stage_ended(self, stage: StageName, record: object, seconds: float) -> None:
        """A stage ended with its record."""

    def note(self, text: str) -> None:
        """Something a person should know."""
