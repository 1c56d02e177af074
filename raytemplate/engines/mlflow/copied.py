"""Runs whose records are copied: each is read once, for its MLflow run, its version and its trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True, kw_only=True, slots=True)
class Copied:
    """The records of one run."""

    journal: Journal
    lock: RunLock
    swept: SweepResult | None
    view: RunView

    @classmethod
    def of(cls, journal: Journal) -> Copied:
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
        """The run's plan, with the values of its sweep's winner."""
        return self.view.plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """The MLflow runs of our runs, each updated once.

    Args:
        runs: the folder with the runs' folders.
        location: where a new experiment keeps its artifacts; None leaves that to MLflow.
        made: by run id, what was asked for so far.
    """

    client: MlflowClient
    runs: Path
    location: str | None
    made: dict[str, tuple[Copied, str]] = field(default_factory=dict[str, tuple[Copied, str]])

    def of(self, run_id: str) -> tuple[Copied, str]:
        """The records of a run, and the id of its MLflow run."""
        from raytemplate.engines.mlflow.tracking import track

        if run_id not in self.made:
            copied = Copied.of(Journal(self.runs / run_id))
            self.made[run_id] = copied, track(self.client, copied, self.location)
        return self.made[run_id]

    def track_trials(self, run_id: str) -> None:
        """The trials of a run's sweep, if it made one."""
        from raytemplate.engines.mlflow.trials import track_trials

        copied, mlflow_run = self.of(run_id)
        track_trials(self.client, copied.lock.plan, copied.journal, mlflow_run)

    def track_trials_early(self, run_id: str, goes_on: Callable[[], bool]) -> None:
        """The trials of a run that is not judged yet.

        Args:
            goes_on: asked before each trial; once it is False, the rest is left out.
        """
        from raytemplate.engines.mlflow.tracking import track_early
        from raytemplate.engines.mlflow.trials import track_trials

        copied = Copied.of(Journal(self.runs / run_id))
        mlflow_run = track_early(self.client, copied, self.location)
        track_trials(self.client, copied.lock.plan, copied.journal, mlflow_run, goes_on=goes_on)
