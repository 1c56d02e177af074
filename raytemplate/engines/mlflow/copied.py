"""A run whose records are copied: read once, for its MLflow run, its version and its trials."""

from dataclasses import dataclass

from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import RunLock, read_lock
from raytemplate.planning.stages import RunPlan
from raytemplate.planning.trial import settled
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunStart
from raytemplate.records.swept import SweepResult
from raytemplate.reports.run_shown import RunView


@dataclass(frozen=True, kw_only=True, slots=True)
class Copied:
    """The records of one run."""

    journal: Journal
    lock: RunLock
    swept: SweepResult | None
    view: RunView

    @classmethod
    def of(cls, journal: Journal) -> "Copied":
        """What a run's folder holds.

        Raises:
            IntegrityError: a record was edited, or the run has no lock or no start.
        """
        lock, swept, verdict = read_lock(journal), journal.read(SweepResult), journal.read(VerdictRecord)
        view = RunView(
            start=journal.need(RunStart),
            plan=settled(lock.plan, swept),
            snapshot=journal.read(Snapshot),
            fit=journal.read(FitResult),
            evaluation=journal.read(Evaluation),
            verdict=verdict.verdict if verdict is not None else None,
            promotion=journal.read(PromotionRecord),
        )
        return cls(journal=journal, lock=lock, swept=swept, view=view)

    @property
    def plan(self) -> RunPlan:
        """The run's plan, with the winner of its sweep in the place of what that began from."""
        return self.view.plan
