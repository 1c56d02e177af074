"""Walks the stages of a plan: each door's record is kept when the door is passed, and no door is passed twice."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from raytemplate.budget import Meter
from raytemplate.code.load import code_in
from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.data.labels import LABELS, to_bytes
from raytemplate.errors import BudgetSpent, IntegrityError
from raytemplate.execution.appraise import appraise
from raytemplate.execution.artifacts import check_promises, write_model_card
from raytemplate.execution.failure import error_of, keep_end
from raytemplate.execution.in_turn import MOST_AGAIN, decide_in_turn
from raytemplate.execution.journal import Journal
from raytemplate.execution.kept_copy import missing_copy, told_missing
from raytemplate.execution.labels import label_changes
from raytemplate.execution.one_value import refuse_one_value
from raytemplate.execution.ports import Engine, Ingested, Promoter
from raytemplate.execution.taken import refuse_other_key, refuse_other_states
from raytemplate.execution.time_left import columns_s, left_s, reserve_s, too_late
from raytemplate.execution.told_data import told_data
from raytemplate.execution.training import Package, Training
from raytemplate.execution.within import within
from raytemplate.planning.environment import image_here
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
from raytemplate.planning.trial import settled
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Rejected, VerdictRecord
from raytemplate.records.labelled import LabelChanges
from raytemplate.records.profiled import DataProfile
from raytemplate.records.promoted import PromotionRecord, ending
from raytemplate.records.run import RunEnd, StageName, StageTiming
from raytemplate.records.submitted import ClusterWork
from raytemplate.records.swept import SweepResult
from raytemplate.reports.listener import Listener
from raytemplate.store.content_store import ContentStore


@dataclass(kw_only=True)
class Execution:
    """One process's work on one run."""

    plan: RunPlan
    journal: Journal
    engine: Engine
    promoter: Promoter
    store: ContentStore
    meter: Meter
    listener: Listener
    champion_now: Callable[[], Champion | None]
    """Reads the head when the evidence is taken."""
    package: Package
    """Adds what others need to load a model to the model's folder."""
    turn: Path | None = None
    """The lock held while the candidate is judged; see `in_turn.turn_of`."""
    most_again: int = MOST_AGAIN
    """How often the candidate may be evaluated again because the champion moved."""
    _timings: list[StageTiming] = field(default_factory=list)
    _timeline: dict[str, float] = field(default_factory=dict)
    _ingested: Ingested | None = None

    def run(self) -> RunEnd:
        """Pass every door that has not been passed yet.

        Returns:
            The record of the run's end.

        Raises:
            RaytemplateError: a stage failed, and the records up to it are kept; or another process, such as this one's
                watchdog, has recorded that the run failed.
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
        """Pass the doors that a cluster may pass. The result is judged where the command was typed.

        Raises:
            RaytemplateError: a stage failed; the records up to it are kept.
        """
        for stage in self.plan.stages:
            if not isinstance(stage, GovernStage | PromoteStage):
                self._do(stage)
        self.engine.release()
        self.journal.write(
            ClusterWork(
                timings=tuple(self._timings),
                timeline_s=dict(self._timeline),
                elapsed_s=self.meter.elapsed_s(),
                spent_usd=self.meter.spent_usd(),
                image=image_here(),
            )
        )

    def _do(self, stage: Stage) -> None:
        match stage:
            case IngestStage():
                self._pass("ingest", Snapshot, lambda: self._ingest(stage))
            case SweepStage():
                self._pass("sweep", SweepResult, lambda: self._sweep(stage))
                if self.journal.read(VerdictRecord) is None:
                    self.promoter.copy_trials(self.journal)  # while the winner is trained and scored
            case FitStage():
                self._settle()
                self._pass("fit", FitResult, self._fit)
            case EvaluateStage():
                self._pass("evaluate", Evaluation, lambda: self._evaluate(stage))
            case GovernStage():
                self._compare_labels()
                self._open_again_if_cut_short()
                check_promises(self.journal, self.plan, self.store, judged=False)
                if self.journal.read(VerdictRecord) is not None:
                    self.engine.release()  # there is no candidate to evaluate again
                self._pass("govern", VerdictRecord, self._govern)
            case PromoteStage():
                self._project_if_cut_short()  # the promoter has already promoted, behind the govern door

    def _open_again_if_cut_short(self) -> None:
        """The govern door is passed once its verdict was acted upon: a verdict that allows a promotion but has none is
        taken again.
        """
        verdict = self.journal.read(VerdictRecord)
        acted = self.journal.read(PromotionRecord) is not None
        if verdict is not None and not acted and not isinstance(verdict.verdict, Rejected):
            self.journal.supersede(VerdictRecord)

    def _project_if_cut_short(self) -> None:
        promotion = self.journal.read(PromotionRecord)
        if promotion is not None and not promotion.projected and not promotion.warning:
            self._project()

    def _pass(self, name: StageName, kind: type, work: Callable[[], object]) -> None:
        """Do the work of a stage unless its record exists."""
        if self.journal.read(kind) is not None:
            return
        if name == "ingest":
            self._wait_for_engine()
        self.listener.stage_started(name)
        started, before = self.meter.elapsed_s(), sum(timing.actual_s for timing in self._timings)
        with self.meter.holding(self.plan.limits.held_usd_per_s(name)):
            record = work()
        within_s = sum(timing.actual_s for timing in self._timings) - before  # stages passed within this one
        seconds = self.meter.elapsed_s() - started - within_s
        self._timeline[name] = self.meter.elapsed_s()
        reused = isinstance(record, Snapshot) and record.reused is not None
        self._timings.append(self._timing(name, seconds, reused=reused))
        self.listener.stage_ended(name, record, seconds)

    def _timing(self, name: StageName, seconds: float, *, reused: bool) -> StageTiming:
        estimate = next(s for s in self.plan.forecast.stages if s.stage == name)
        return StageTiming(stage=name, work=estimate.work, planned_s=estimate.seconds, actual_s=seconds, reused=reused)

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
        refuse_one_value(self.plan, found.statistics, found.features.classes)
        self._ingested = found
        self._keep_fitted(found)
        if found.labels is not None:
            self.journal.keep(LABELS, to_bytes(found.labels))
        self.journal.write(found.snapshot)
        self._compare_labels()
        runs = self.journal.folder.parent
        for line in told_data(self.plan, found.snapshot, found.statistics, found.profile, self.champion_now(), runs):
            self.listener.note(line)
        return found.snapshot

    def _compare_labels(self) -> None:
        """Count the rows whose target has changed since the champion was trained, once for each champion; a submitted
        run does so where the champion's run is known."""
        champion, told = self.champion_now(), self.journal.read(LabelChanges)
        if champion is None or (told is not None and told.run_id == champion.run_id):
            return
        self.journal.supersede(LabelChanges)
        found = label_changes(Journal(self.journal.folder.parent / champion.run_id), champion.version, self.journal)
        if found is not None:
            self.journal.write(found)
            if found.num_changed:
                self.listener.note(found.text)

    def _keep_fitted(self, found: Ingested) -> None:
        self.journal.write_statistics(found.statistics)
        if found.profile is not None and self.journal.read(DataProfile) is None:
            self.journal.write(found.profile)
        self.journal.write(found.features)

    def _open(self) -> Ingested:
        """The data of this run; read again and verified if an earlier process ingested it."""
        if self._ingested is None:
            self._wait_for_engine()
            with self.meter.holding(self.plan.limits.held_usd_per_s("ingest")):
                self._ingested = self._read(self.plan.ingest, self.journal.need(Snapshot))
        return self._ingested

    def _read(self, stage: IngestStage, expected: Snapshot | None) -> Ingested:
        refuse_other_states(stage.taken)
        if expected is not None and (gone := missing_copy(self.journal, expected)):
            self.listener.note(told_missing(gone, stage.source))
        swept = self.journal.read(SweepResult) is not None
        done = "the winner could be trained" if swept else "the data had been read"
        with code_in(self.journal.code):
            found = within(
                left_s(self.journal, self.meter),
                lambda: self.engine.ingest(stage, expected),
                lambda: self._spent(f"before {done}; there is no candidate"),
            )
        refuse_other_key(stage.taken, found.snapshot)
        for line in found.notes:
            self.listener.note(line)
        return found

    def _spent(self, when: str) -> BudgetSpent:
        return too_late(self.plan, self.journal, self.meter, when)

    def _sweep(self, stage: SweepStage) -> SweepResult:
        from raytemplate.execution.sweeping import Sweeping  # Optuna takes a third of a second

        ingested = self._open()
        self._keep_for_judging()
        result = Sweeping(
            plan=self.plan,
            journal=self.journal,
            engine=self.engine,
            meter=self.meter,
            listener=self.listener,
            ingested=ingested,
        ).run(stage)
        self.journal.write(result)
        return result

    def _settle(self) -> None:
        """Switch to the winner's plan; if its features differ, the data is opened again with them."""
        before, self.plan = self.plan.ingest.features, settled(self.plan, self.journal.read(SweepResult))
        if self.plan.ingest.features != before:
            self._ingested = None

    def _fit(self) -> FitResult:
        ingested = self._open()
        if ingested.features != self.journal.read(FittedFeatures):
            self._keep_fitted(ingested)
        self._keep_for_judging()
        result = Training(
            plan=self.plan,
            journal=self.journal,
            engine=self.engine,
            store=self.store,
            meter=self.meter,
            listener=self.listener,
            package=self.package,
            ingested=ingested,
        ).run()
        self.journal.write(result)
        return result

    def _keep_for_judging(self) -> None:
        self.meter.reserve_s = reserve_s(self.plan, self._timings)
        self.meter.reserve_usd = self.plan.limits.reserve_usd(self.meter.reserve_s)

    def _evaluate(self, stage: EvaluateStage) -> Evaluation:
        ingested = self._open()
        fit = self.journal.need(FitResult)
        champion = self.champion_now()
        problems: dict[str, str] = {}
        with ExitStack() as copies:
            models = {"candidate": copies.enter_context(self.store.private(fit.candidate.digest))}
            if champion is not None:
                self._add_champion(champion, models, problems, copies)
            # A candidate is judged even if its budget has ended meanwhile, but not forever.
            left = left_s(self.journal, self.meter)
            scores = within(
                left,
                lambda: self.engine.score(stage, self.plan.ingest, ingested, models, columns_s(left)),
                lambda: self._spent("and the candidate had not been evaluated"),
            )
        evaluation = appraise(
            self.plan,
            stage,
            scores,
            candidate=fit.candidate,
            champion=champion,
            snapshot=ingested.snapshot,
            problems=problems,
            classes=ingested.features.classes,
        )
        self.journal.write(evaluation)
        return evaluation

    def _add_champion(
        self, champion: Champion, models: dict[str, Path], problems: dict[str, str], copies: ExitStack
    ) -> None:
        try:
            models["champion"] = copies.enter_context(self.store.private(champion.digest))
        except IntegrityError as error:
            problems["champion"] = error.what
            self.listener.note(f"the champion cannot be scored: {error.what}")

    def _govern(self) -> VerdictRecord:
        decide_in_turn(
            self.journal,
            self.promoter,
            self._evaluate_again,
            lambda: left_s(self.journal, self.meter),
            turn=self.turn,
            most_again=self.most_again,
        )
        self.engine.release()
        self._project()
        return self.journal.need(VerdictRecord)

    def _project(self) -> None:
        self.promoter.project(self.journal, within_s=left_s(self.journal, self.meter))

    def _evaluate_again(self) -> None:
        self._pass("evaluate", Evaluation, lambda: self._evaluate(self.plan.evaluate))
        self._compare_labels()
        champion = self.journal.need(Evaluation).champion_ref
        now = f"is version {champion.version} now" if champion else "is gone"
        self.listener.note(f"the champion {now}: the candidate was evaluated again, against it")

    def _end(self) -> RunEnd:
        state, code = ending(self.journal.read(PromotionRecord))
        return RunEnd(
            state=state,
            exit_code=code,
            ended=datetime.now(UTC),
            wall_clock_s=self.meter.elapsed_s(),
            cost_usd=self.meter.spent_usd(),
            family=self.journal.need(FitResult).candidate.family,
            timings=tuple(self._timings),
            timeline_s=dict(self._timeline),
        )
