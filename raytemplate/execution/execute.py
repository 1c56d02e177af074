"""Walks the stages of a plan: each door's record is kept when the door is passed, and none is passed twice."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from raytemplate import plugins
from raytemplate.budget import Meter
from raytemplate.code.load import code_in
from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.errors import BudgetSpent, IntegrityError
from raytemplate.execution.appraise import appraise
from raytemplate.execution.artifacts import check_promises, write_model_card
from raytemplate.execution.checkpoints import Checkpoints, Scored
from raytemplate.execution.failure import error_of, keep_end
from raytemplate.execution.in_turn import MOST_AGAIN, decide_in_turn
from raytemplate.execution.journal import Journal
from raytemplate.execution.ports import Engine, Ingested, Listener, Promoter, Trained
from raytemplate.execution.standing import standing
from raytemplate.execution.time_left import left_s, reserve_s, too_late
from raytemplate.execution.told_losses import LossesTold
from raytemplate.execution.within import within
from raytemplate.models.options import Family
from raytemplate.models.saved import About, types_of, write_model
from raytemplate.models.warm_start import start_from
from raytemplate.planning.inventory import Champion
from raytemplate.planning.stages import (
    EvaluateStage,
    FitStage,
    GovernStage,
    IngestStage,
    PromoteStage,
    RunPlan,
    Stage,
    SweepStage,
)
from raytemplate.planning.trial import settled, trial_stage
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import Candidate, EpochRecord, FitResult, Usage, WarmStart
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Rejected, VerdictRecord
from raytemplate.records.promoted import PromotionRecord, ending
from raytemplate.records.run import RunEnd, StageTiming
from raytemplate.records.submitted import ClusterWork
from raytemplate.records.swept import SweepResult, TrialBegun, TrialRecord
from raytemplate.store.manifest import write_manifest
from raytemplate.store.objects import ObjectStore

Package = Callable[[Path], None]


@dataclass(kw_only=True)
class Execution:
    """One process's work on one run.

    Args:
        champion_now: reads the head, when the evidence is taken.
        package: adds to a model's folder what others need to load it.
        turn, most_again: see `in_turn.decide_in_turn`.
    """

    plan: RunPlan
    journal: Journal
    engine: Engine
    promoter: Promoter
    store: ObjectStore
    meter: Meter
    listener: Listener
    champion_now: Callable[[], Champion | None]
    package: Package
    turn: Path | None = None
    most_again: int = MOST_AGAIN
    _timings: list[StageTiming] = field(default_factory=list)
    _timeline: dict[str, float] = field(default_factory=dict)
    _ingested: Ingested | None = None
    _kept_trial: int = 0

    def __post_init__(self) -> None:
        self._told = LossesTold(self.listener, len(self.journal.restarts()))

    def run(self) -> RunEnd:
        """Pass every door that has not been passed yet; the record of the end.

        Raises:
            RaytemplateError: a stage failed; the records up to it are kept. Or that somebody else, such as the watchdog
                of this process, has recorded that the run failed.
        """
        self._timeline["execute"] = self.meter.elapsed_s()
        earlier = self.journal.read(ClusterWork)
        if earlier is not None:
            self._timings += earlier.timings
        for stage in self.plan.stages:
            self._do(stage)
        write_model_card(self.journal, self.plan)
        check_promises(self.journal, self.plan, self.store, judged=True)
        end = self._end()
        stood = keep_end(self.journal, end) or end
        if stood.state == "failed":
            raise error_of(stood, self.journal)
        return stood

    def run_up_to_evaluation(self) -> None:
        """Pass the doors that a cluster may pass. What it hands on is judged where the command was typed.

        Raises:
            RaytemplateError: a stage failed; the records up to it are kept.
        """
        for stage in self.plan.stages:
            if not isinstance(stage, GovernStage | PromoteStage):
                self._do(stage)
        self.engine.release()
        self.journal.write(ClusterWork(
            timings=tuple(self._timings), timeline_s=dict(self._timeline), elapsed_s=self.meter.elapsed_s(),
            spent_usd=self.meter.spent_usd(),
        ))  # fmt: skip

    def _do(self, stage: Stage) -> None:
        match stage:
            case IngestStage():
                self._pass("ingest", Snapshot, lambda: self._ingest(stage))
            case SweepStage():
                self._pass("sweep", SweepResult, lambda: self._sweep(stage))
            case FitStage():
                self._settle()
                self._pass("fit", FitResult, self._fit)
            case EvaluateStage():
                self._pass("evaluate", Evaluation, lambda: self._evaluate(stage))
            case GovernStage():
                self._open_again_if_cut_short()
                check_promises(self.journal, self.plan, self.store, judged=False)
                if self.journal.read(VerdictRecord) is not None:
                    self.engine.release()  # there is no candidate to evaluate again
                self._pass("govern", VerdictRecord, self._govern)
            case PromoteStage():
                self._project_if_cut_short()  # promoted behind the door before, by the promoter

    def _open_again_if_cut_short(self) -> None:
        """A verdict is passed when it was acted upon: one that allows a promotion and has none is taken again."""
        verdict = self.journal.read(VerdictRecord)
        acted = self.journal.read(PromotionRecord) is not None
        if verdict is not None and not acted and not isinstance(verdict.verdict, Rejected):
            self.journal.supersede(VerdictRecord)

    def _project_if_cut_short(self) -> None:
        promotion = self.journal.read(PromotionRecord)
        if promotion is not None and not promotion.projected and not promotion.warning:
            self.promoter.project(self.journal)

    def _pass(self, name: str, kind: type, work: Callable[[], object]) -> None:
        """Do the work of a stage unless its record is there."""
        if self.journal.read(kind) is not None:
            return
        if name == "ingest":
            self._wait_for_engine()
        self.listener.stage_started(name)
        started, before = self.meter.elapsed_s(), sum(timing.actual_s for timing in self._timings)
        with self.meter.holding(self.plan.limits.held_usd_per_s(name)):
            record = work()
        within_s = sum(timing.actual_s for timing in self._timings) - before  # of stages that were passed meanwhile
        seconds = self.meter.elapsed_s() - started - within_s
        self._timeline[name] = self.meter.elapsed_s()
        self._timings.append(self._timing(name, seconds))
        self.listener.stage_ended(name, record, seconds)

    def _timing(self, name: str, seconds: float) -> StageTiming:
        estimate = next(s for s in self.plan.forecast.stages if s.stage == name)
        return StageTiming(stage=name, work=estimate.work, planned_s=estimate.seconds, actual_s=seconds)

    def _wait_for_engine(self) -> None:
        self.engine.ready()
        if "start" in self._timeline:
            return
        seconds = self.meter.here().seconds
        self._timeline["start"] = self.meter.elapsed_s()
        self._timings.append(
            StageTiming(stage="start", work=0.0, planned_s=self.plan.forecast.start_s, actual_s=seconds)
        )

    def _ingest(self, stage: IngestStage) -> Snapshot:
        found = self._read(stage, None)
        self._ingested = found
        self._keep_fitted(found)
        self.journal.write(found.snapshot)
        return found.snapshot

    def _keep_fitted(self, found: Ingested) -> None:
        self.journal.write_profiles(found.profiles)
        self.journal.write(found.features)

    def _open(self) -> Ingested:
        """The data of this run, read again and verified where an earlier process ingested it."""
        if self._ingested is None:
            self._wait_for_engine()
            with self.meter.holding(self.plan.limits.held_usd_per_s("ingest")):
                self._ingested = self._read(self.plan.ingest, self.journal.need(Snapshot))
        return self._ingested

    def _read(self, stage: IngestStage, expected: Snapshot | None) -> Ingested:
        swept = self.journal.read(SweepResult) is not None
        done = "the winner could be trained" if swept else "the data had been read"
        with code_in(self.journal.code):
            return within(
                left_s(self.journal, self.meter), lambda: self.engine.ingest(stage, expected),
                lambda: self._spent(f"before {done}; there is no candidate"),
            )  # fmt: skip

    def _spent(self, when: str) -> BudgetSpent:
        return too_late(self.plan, self.journal, self.meter, when)

    def _sweep(self, stage: SweepStage) -> SweepResult:
        from raytemplate.execution.advisor import Advisor  # Optuna takes a third of a second

        ingested, snapshot = self._open(), self.journal.need(Snapshot)
        self._keep_for_judging()
        rows, began = {window.name: window.num_rows for window in snapshot.windows}, time.monotonic()
        advisor = Advisor(
            stage=stage, num_rows=rows["train"], refit_rows=rows["train"] + rows["validation"],
            budget_s=self.meter.limit_s, known=self.journal.trials(),
            begun=tuple((one, self._held_epochs(one)) for one in self.journal.begun()),
            on_begin=self._on_begin, on_trial=self._on_trial, slot_usd_per_s=self._slot_usd_per_s(stage),
            encoding_s=ingested.encoding_s if self.plan.ingest.keeps_rows else 0.0,
        )  # fmt: skip
        self.engine.sweep(stage, ingested, self.journal, advisor, self.meter, self.listener.searching)
        result = advisor.result(self.meter, time.monotonic() - began)
        # A process before this one may have left the model of a trial that was best then.
        for folder in self.journal.trial_folders.glob("*"):
            if folder != self.journal.trial(result.best.number).folder:
                shutil.rmtree(folder, ignore_errors=True)
        self.journal.write(result)
        return result

    def _slot_usd_per_s(self, stage: SweepStage) -> float:
        """What one of the trials at once holds; where all is charged always, its share of that."""
        limits = self.plan.limits
        return (limits.held_usd_per_s("sweep") or limits.usd_per_s) / stage.slots

    def _held_epochs(self, begun: TrialBegun) -> tuple[EpochRecord, ...]:
        """The epochs of a trial that its newest good checkpoint holds."""
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
            return  # another may be picked later
        # Of all the models that were tried only the best may be asked for.
        kept = best.number if best else 0
        for number in {record.number, self._kept_trial} - {kept}:
            shutil.rmtree(self.journal.trial(number).folder, ignore_errors=True)
        self._kept_trial = kept

    def _settle(self) -> None:
        """From here on the plan is that of the winner; where its features are others, the data is opened with them."""
        before, self.plan = self.plan.ingest.features, settled(self.plan, self.journal.read(SweepResult))
        if self.plan.ingest.features != before:
            self._ingested = None

    def _fit(self) -> FitResult:
        swept = self.journal.read(SweepResult)
        if self._open().features != self.journal.read(FittedFeatures):
            self._keep_fitted(self._open())
        if swept is None or (self.plan.sweep and self.plan.sweep.refit):
            return self._train(self.plan.fit)
        return self._take_winner(self.plan.fit, swept)

    def _take_winner(self, stage: FitStage, swept: SweepResult, cut: Trained | None = None) -> FitResult:
        """The model that the winning trial left; `cut` is a last training that its time was too short for."""
        checkpoints = Checkpoints(self.journal.trial(swept.best.number).checkpoints)
        best = checkpoints.best(stage.higher_is_better)
        result = FitResult(
            candidate=self._freeze(stage, self._open(), best, best.validation), epochs=(), ranks=(),
            stopped=cut.stopped if cut else "epochs", resumed_from_epoch=0, rows_per_s=0.0,
            usage=self._charged(cut) if cut else Usage(wall_clock_s=0.0, cpu_s=0.0),
            engine=f"trial {swept.best.number}", step=stage.step, restarts=cut.restarts if cut else (),
        )  # fmt: skip
        self.journal.write(result)
        return result

    def _train(self, stage: FitStage) -> FitResult:
        ingested = self._open()
        self._begin_warm(stage, ingested)
        self._keep_for_judging()
        try:
            trained = self.engine.fit(stage, ingested, self.journal, self.meter, self._on_epoch)
        finally:
            self._told.tell(self.journal)
        if trained.stopped == "budget.time":  # its time was up, be it for money
            trained = replace(trained, stopped=self.meter.ended_by(training=True))
        epochs = self.journal.epochs()
        if stage.with_validation and (trained.stopped.startswith("budget.") or not any(e.checkpoint for e in epochs)):
            self.listener.note("the budget ended before the winner was trained again; its trial's own model is taken")
            assert self.plan.sweep is not None
            swept = self.journal.need(SweepResult)
            best = trial_stage(self.plan.sweep, swept.best.values, num_epochs=swept.best.num_epochs)
            return self._take_winner(best, swept, trained)
        if not any(e.checkpoint for e in epochs):
            raise self._spent("before the first checkpoint; there is no candidate")
        result = self._result(stage, ingested, trained, epochs)
        self.journal.write(result)
        return result

    def _keep_for_judging(self) -> None:
        self.meter.reserve_s = reserve_s(self.plan, self._timings)
        self.meter.reserve_usd = self.plan.limits.reserve_usd(self.meter.reserve_s)

    def _begin_warm(self, stage: FitStage, ingested: Ingested) -> None:
        """The champion's bytes in the run's folder, so that going on begins as this does; and the word on it."""
        if stage.warm_start is None or self.journal.read(WarmStart) is not None:
            return
        said = stage.warm_start
        if not said.problem:
            said = replace(said, problem=self._take_start(said.digest, ingested))
        self.journal.write(said)

    def _take_start(self, digest: str, ingested: Ingested) -> str:
        try:
            champion = self.store.open(digest)
        except IntegrityError as error:
            return error.what
        found = start_from(champion, ingested.features)
        if isinstance(found, str):
            return found
        shutil.rmtree(self.journal.start, ignore_errors=True)
        shutil.copytree(champion, self.journal.start)
        return ""

    def _on_epoch(self, record: EpochRecord) -> None:
        self._told.tell(self.journal)
        self.listener.epoch(record, self.plan, self.meter.training_remaining_s())

    def _result(
        self, stage: FitStage, ingested: Ingested, trained: Trained, epochs: tuple[EpochRecord, ...]
    ) -> FitResult:
        train_s = sum(e.loop_s for e in epochs)
        return FitResult(
            candidate=self._freeze(stage, ingested, *self._chosen(stage)), epochs=epochs, ranks=trained.ranks,
            stopped=trained.stopped, resumed_from_epoch=trained.resumed_from_epoch,
            rows_per_s=sum(e.num_rows for e in epochs) * max(1, stage.workers) / train_s if train_s else 0.0,
            usage=self._charged(trained), engine=trained.engine, step=stage.step,
            warm_start=self.journal.read(WarmStart), restarts=trained.restarts,
        )  # fmt: skip

    def _charged(self, trained: Trained) -> Usage:
        return replace(trained.usage, cost_usd=trained.usage.wall_clock_s * self.plan.limits.rate("fit"))

    def _chosen(self, stage: FitStage) -> tuple[Scored, float]:
        """The checkpoint that becomes the candidate, and what validation says of it."""
        checkpoints = Checkpoints(self.journal.checkpoints)
        if stage.with_validation:  # it has seen the validation window, which can no longer choose between its epochs
            best = self.journal.need(SweepResult).best
            assert best.validation is not None
            return checkpoints.last(), best.validation
        found = checkpoints.best(stage.higher_is_better)
        return found, found.validation

    def _freeze(self, stage: FitStage, ingested: Ingested, best: Scored, validation: float) -> Candidate:
        """A checkpoint as a model folder in the store: these bytes are evaluated, judged and promoted."""
        family: Family = plugins.load(plugins.FAMILIES, stage.family)
        about = self._about(stage, ingested, best.epoch)
        write_model(self.journal.model, best.folder, family, ingested.features, about, self.journal.code)
        self.package(self.journal.model)
        write_manifest(self.journal.model)
        manifest = self.store.put(self.journal.model)
        weights = next(f.sha256 for f in manifest.files if f.name == family.files[0])
        return Candidate(
            digest=manifest.digest, family=stage.family, weights_sha256=weights, epoch=best.epoch, metric=stage.metric,
            validation=validation, settings=stage.model, plan_id=self.plan.id,
            snapshot=ingested.snapshot.digest, num_bytes=manifest.num_bytes,
        )  # fmt: skip

    def _about(self, stage: FitStage, ingested: Ingested, epoch: int) -> About:
        ingest = self.plan.ingest
        return About(
            name=self.plan.name, family=stage.family, target=ingest.target,
            columns=ingested.features.columns, keys=ingest.keys, epoch=epoch,
            plan_id=self.plan.id, snapshot=ingested.snapshot.digest, seen_from=ingest.window("train").start,
            seen_until=ingest.window("validation").end, source=ingest.source, reading=ingest.reading,
            split=ingest.split.id if ingest.split else "", storage=ingest.storage, rules=ingest.rules,
            types=types_of(ingested.features, ingest.types),
        )  # fmt: skip

    def _evaluate(self, stage: EvaluateStage) -> Evaluation:
        ingested = self._open()
        fit = self.journal.need(FitResult)
        champion = self.champion_now()
        models: dict[str, Path] = {"candidate": self.store.open(fit.candidate.digest)}
        problems: dict[str, str] = {}
        if champion is not None:
            self._add_champion(champion, models, problems)
        # A candidate is judged although its budget has ended meanwhile, but not for ever.
        scores = within(
            left_s(self.journal, self.meter), lambda: self.engine.score(stage, self.plan.ingest, ingested, models),
            lambda: self._spent("and the candidate had not been evaluated"),
        )  # fmt: skip
        evaluation = appraise(
            self.plan, stage, scores, candidate=fit.candidate, champion=champion,
            snapshot=ingested.snapshot, problems=problems, classes=ingested.features.classes,
        )  # fmt: skip
        self.journal.write(evaluation)
        return evaluation

    def _add_champion(self, champion: Champion, models: dict[str, Path], problems: dict[str, str]) -> None:
        try:
            models["champion"] = self.store.open(champion.digest)
        except IntegrityError as error:
            problems["champion"] = error.what
            self.listener.note(f"the champion cannot be scored: {error.what}")

    def _govern(self) -> VerdictRecord:
        decide_in_turn(
            self.journal, self.promoter, self._evaluate_again, lambda: left_s(self.journal, self.meter), turn=self.turn,
            most_again=self.most_again,
        )  # fmt: skip
        self.engine.release()
        self.promoter.project(self.journal)
        return self.journal.need(VerdictRecord)

    def _evaluate_again(self) -> None:
        self._pass("evaluate", Evaluation, lambda: self._evaluate(self.plan.evaluate))
        champion = self.journal.need(Evaluation).champion_ref
        now = f"is version {champion.version} now" if champion else "is gone"
        self.listener.note(f"the champion {now}: the candidate was evaluated again, against that")

    def _end(self) -> RunEnd:
        state, code = ending(self.journal.read(PromotionRecord))
        return RunEnd(
            state=state, exit_code=code, ended=datetime.now(UTC), wall_clock_s=self.meter.elapsed_s(),
            cost_usd=self.meter.spent_usd(), family=self.journal.need(FitResult).candidate.family,
            timings=tuple(self._timings), timeline_s=dict(self._timeline),
        )  # fmt: skip
