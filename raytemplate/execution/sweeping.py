"""The sweep of a run: the advisor's trials on the engine's slots, and what each leaves in the run's folder."""

import shutil
import time
from dataclasses import dataclass

from raytemplate.budget import Meter
from raytemplate.execution.advisor import Advisor
from raytemplate.execution.journal import Journal
from raytemplate.execution.ports import Engine, Ingested
from raytemplate.execution.standing import standing
from raytemplate.planning.stages import RunPlan, SweepStage
from raytemplate.records.fitted import EpochRecord
from raytemplate.records.ingested import Snapshot
from raytemplate.records.swept import SweepResult, TrialBegun, TrialRecord
from raytemplate.reports.listener import Listener


@dataclass(kw_only=True)
class Sweeping:
    """One process's part in the sweep of a run."""

    plan: RunPlan
    journal: Journal
    engine: Engine
    meter: Meter
    listener: Listener
    ingested: Ingested
    _kept_trial: int = 0

    def run(self, stage: SweepStage) -> SweepResult:
        """Try what the stage's search draws, within the time and money left.

        Raises:
            BudgetSpent: the budget ended before any trial completed an epoch.
            TrainingFailed: no trial ended with a usable result.
        """
        ingested, snapshot = self.ingested, self.journal.need(Snapshot)
        rows, began = {window.name: window.num_rows for window in snapshot.windows}, time.monotonic()
        advisor = Advisor(
            stage=stage,
            num_rows=rows["train"],
            refit_rows=rows["train"] + rows["validation"],
            budget_s=self.meter.limit_s,
            known=self.journal.trials(),
            begun=tuple((one, self._held_epochs(one)) for one in self.journal.begun()),
            on_begin=self._on_begin,
            on_trial=self._on_trial,
            slot_usd_per_s=self._slot_usd_per_s(stage),
            encoding_s=ingested.encoding_s if self.plan.ingest.keeps_rows else 0.0,
        )
        self.engine.sweep(stage, ingested, self.journal, advisor, self.meter, self.listener.searching)
        result = advisor.result(self.meter, time.monotonic() - began)
        # An earlier process may have left the model of a trial that was the best at the time.
        for folder in self.journal.trial_folders.glob("*"):
            if folder != self.journal.trial(result.best.number).folder:
                shutil.rmtree(folder, ignore_errors=True)
        return result

    def _slot_usd_per_s(self, stage: SweepStage) -> float:
        """The price of what one slot holds; if the whole cluster is charged all the time, the slot's share of that."""
        limits = self.plan.limits
        return (limits.held_usd_per_s("sweep") or limits.usd_per_s) / stage.slots

    def _held_epochs(self, begun: TrialBegun) -> tuple[EpochRecord, ...]:
        """The epochs that a trial's newest good checkpoint holds."""
        return standing(self.journal.trial(begun.number)).epochs

    def _on_begin(self, begun: TrialBegun) -> None:
        trial = self.journal.trial(begun.number)
        shutil.rmtree(trial.folder, ignore_errors=True)
        trial.folder.mkdir(parents=True)
        trial.write(begun)

    def _on_trial(self, record: TrialRecord, best: TrialRecord | None, left_s: float) -> None:
        self.journal.add_trial(record)
        self.listener.trial(record, best, left_s)
        if self.plan.sweep and self.plan.sweep.pick:
            return  # the rule in `tuning.pick` may choose another trial later
        # Only the best model can be requested later, so the others are deleted.
        kept = best.number if best else 0
        for number in {record.number, self._kept_trial} - {kept}:
            shutil.rmtree(self.journal.trial(number).folder, ignore_errors=True)
        self._kept_trial = kept
