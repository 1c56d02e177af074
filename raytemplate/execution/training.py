"""The last training of a run, or the model of a sweep's winner: one candidate, frozen in the content store."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from raytemplate import plugins
from raytemplate.budget import Meter
from raytemplate.data.sources.storage import Storage
from raytemplate.errors import IntegrityError
from raytemplate.execution import unfinished
from raytemplate.execution.checkpoints import Checkpoints, Scored
from raytemplate.execution.journal import Journal
from raytemplate.execution.ports import Engine, Ingested, Trained
from raytemplate.execution.time_left import too_late
from raytemplate.execution.told_losses import LossesTold
from raytemplate.models.options import Family
from raytemplate.models.saved import About, types_of, write_model
from raytemplate.models.warm_start import start_from
from raytemplate.planning.stages import FitStage, RunPlan
from raytemplate.planning.trial import trial_stage
from raytemplate.records.fitted import Candidate, EpochRecord, FitResult, Usage, WarmStart
from raytemplate.records.swept import SweepResult
from raytemplate.reports.listener import Listener
from raytemplate.store.content_store import ContentStore
from raytemplate.store.manifest import write_manifest

Package = Callable[[Path], None]


@dataclass(frozen=True, kw_only=True)
class Training:
    """One process's part in the last training."""

    plan: RunPlan
    journal: Journal
    engine: Engine
    store: ContentStore
    meter: Meter
    listener: Listener
    package: Package
    """Adds what others need to load a model to the model's folder."""
    ingested: Ingested
    """The rows, with the candidate's features."""

    def run(self) -> FitResult:
        """Train, resuming from the newest good checkpoint, or take the model that the winning trial left.

        Raises:
            BudgetSpent: there is no candidate.
            TrainingFailed: the loop failed or its numbers became NaN or infinite.
        """
        swept = self.journal.read(SweepResult)
        if swept is None or (self.plan.sweep and self.plan.sweep.refit):
            return self._train(self.plan.fit)
        return self._take_winner(self.plan.fit, swept)

    def _take_winner(self, stage: FitStage, swept: SweepResult, cut: Trained | None = None) -> FitResult:
        """The model that the winning trial left; `cut` is a last training that ran out of time, if there was one."""
        checkpoints = Checkpoints(self.journal.trial(swept.best.number).checkpoints)
        best = checkpoints.best(stage.higher_is_better)
        return FitResult(
            candidate=self._freeze(stage, best, best.validation),
            epochs=(),
            ranks=(),
            stopped=cut.stopped if cut else "epochs",
            resumed_from_epoch=0,
            rows_per_s=0.0,
            usage=self._charged(cut) if cut else Usage(wall_clock_s=0.0, cpu_s=0.0),
            engine=f"trial {swept.best.number}",
            step=stage.step,
            restarts=cut.restarts if cut else (),
            unfinished=self._of_winner(),
        )

    def _train(self, stage: FitStage) -> FitResult:
        self._begin_warm(stage)
        told = LossesTold(self.listener, len(self.journal.restarts()))

        def on_epoch(record: EpochRecord) -> None:
            told.tell(self.journal)
            self.listener.epoch(record, self.plan, self.meter.training_remaining_s())

        try:
            trained = self.engine.fit(stage, self.ingested, self.journal, self.meter, on_epoch)
        finally:
            told.tell(self.journal)
        if trained.stopped == "budget.time":  # the meter's deadline, which may have come from money
            trained = replace(trained, stopped=self.meter.ended_by(training=True))
        epochs = self.journal.epochs()
        if stage.with_validation and (trained.stopped.startswith("budget.") or not any(e.checkpoint for e in epochs)):
            self.listener.note("the budget ended before the winner was trained again; the model from its trial is used")
            assert self.plan.sweep is not None
            swept = self.journal.need(SweepResult)
            best = trial_stage(self.plan.sweep, swept.best.values, num_epochs=swept.best.num_epochs)
            return self._take_winner(best, swept, trained)
        if not any(e.checkpoint for e in epochs):
            raise too_late(self.plan, self.journal, self.meter, "before the first checkpoint; there is no candidate")
        return self._result(stage, trained, epochs)

    def _begin_warm(self, stage: FitStage) -> None:
        """Copy the champion into the run's folder, so that a resumed training starts from the same bytes, and record
        whether that was possible.
        """
        if stage.warm_start is None or self.journal.read(WarmStart) is not None:
            return
        said = stage.warm_start
        if not said.problem:
            said = replace(said, problem=self._take_start(said.digest))
        self.journal.write(said)

    def _take_start(self, digest: str) -> str:
        try:
            champion = self.store.open(digest)
        except IntegrityError as error:
            return error.what
        found = start_from(champion, self.ingested.features)
        if isinstance(found, str):
            return found
        shutil.rmtree(self.journal.start, ignore_errors=True)
        shutil.copytree(champion, self.journal.start)
        return ""

    def _result(self, stage: FitStage, trained: Trained, epochs: tuple[EpochRecord, ...]) -> FitResult:
        train_s = sum(e.loop_s for e in epochs)
        best, validation = self._chosen(stage)
        return FitResult(
            candidate=self._freeze(stage, best, validation),
            epochs=epochs,
            ranks=trained.ranks,
            stopped=trained.stopped,
            resumed_from_epoch=trained.resumed_from_epoch,
            rows_per_s=sum(e.num_rows for e in epochs) * max(1, stage.workers) / train_s if train_s else 0.0,
            usage=self._charged(trained),
            engine=trained.engine,
            step=stage.step,
            warm_start=self.journal.read(WarmStart),
            restarts=trained.restarts,
            unfinished=self._of_winner()
            or unfinished.of_training(stage, best=best.epoch, last=epochs[-1].epoch, stopped=trained.stopped),
        )

    def _of_winner(self) -> tuple[str, ...]:
        swept = self.journal.read(SweepResult)
        return unfinished.of_winner(self.plan.sweep, swept.best) if self.plan.sweep and swept else ()

    def _charged(self, trained: Trained) -> Usage:
        return replace(trained.usage, cost_usd=trained.usage.wall_clock_s * self.plan.limits.rate("fit"))

    def _chosen(self, stage: FitStage) -> tuple[Scored, float]:
        """The checkpoint that becomes the candidate, and its validation metric."""
        checkpoints = Checkpoints(self.journal.checkpoints)
        if stage.with_validation:  # trained on the validation window, which therefore cannot choose between epochs
            best = self.journal.need(SweepResult).best
            assert best.validation is not None
            return checkpoints.last(), best.validation
        found = checkpoints.best(stage.higher_is_better)
        return found, found.validation

    def _freeze(self, stage: FitStage, best: Scored, validation: float) -> Candidate:
        """Put a checkpoint into the content store as a model folder: these bytes are evaluated, judged and promoted."""
        family: Family = plugins.load(plugins.FAMILIES, stage.family)
        about = self._about(stage, best.epoch)
        mask = self.plan.ingest.mask
        if mask is not None:
            mask = replace(mask, key_id=self.ingested.snapshot.mask_key)
        write_model(self.journal.model, best.folder, family, self.ingested.features, about, self.journal.code, mask)
        self.package(self.journal.model)
        write_manifest(self.journal.model)
        manifest = self.store.put(self.journal.model)
        weights = next(f.sha256 for f in manifest.files if f.name == family.files[0])
        return Candidate(
            digest=manifest.digest,
            family=stage.family,
            weights_sha256=weights,
            epoch=best.epoch,
            metric=stage.metric,
            validation=validation,
            settings=stage.model,
            plan_id=self.plan.id,
            snapshot=self.ingested.snapshot.digest,
            num_bytes=manifest.num_bytes,
        )

    def _about(self, stage: FitStage, epoch: int) -> About:
        ingest, ingested = self.plan.ingest, self.ingested
        return About(
            name=self.plan.name,
            family=stage.family,
            target=ingest.target,
            columns=ingested.features.columns,
            keys=ingest.keys,
            epoch=epoch,
            plan_id=self.plan.id,
            snapshot=ingested.snapshot.digest,
            seen_from=ingest.window("train").start,
            seen_until=ingest.seen_until,
            source=ingest.source,
            reading=ingest.reading,
            split=ingest.split.id if ingest.split else "",
            storage=ingest.location.to(Storage),
            rules=ingest.rules,
            types=types_of(ingested.features, ingest.types),
        )
