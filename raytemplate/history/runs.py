"""A run, seen through its records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from raytemplate.errors import IntegrityError, UsageError
from raytemplate.execution.decide import evidence_from, need_judged
from raytemplate.execution.frozen import marks_of
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.governance.champion import judge_alone, judge_champion
from raytemplate.governance.evidence import Evidence
from raytemplate.governance.gates.gate import Gate, build_gates
from raytemplate.governance.judge import still_stops
from raytemplate.ledger.opening import open_ledger
from raytemplate.ledger.waivers import waivers_of
from raytemplate.planning.stages import RunPlan
from raytemplate.planning.trial import settled
from raytemplate.plugins import PluginError
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Approved, Finding, Verdict, VerdictRecord, Waiver
from raytemplate.records.labelled import LabelChanges
from raytemplate.records.marked import SnapshotMark
from raytemplate.records.profiled import DataProfile
from raytemplate.records.promoted import PromotionRecord, ending
from raytemplate.records.run import RunEnd, RunStart, State
from raytemplate.records.swept import SweepResult, TrialRecord
from raytemplate.reports.history import RunRow
from raytemplate.reports.run_shown import RunView, show_run
from raytemplate.reports.service import champion_text
from raytemplate.store.locks import is_held
from raytemplate.store.workspace import Workspace
from raytemplate.units import show_moment

if TYPE_CHECKING:
    from raytemplate.history.registered import Model


@dataclass(frozen=True)
class Run:
    """One execution of a plan, seen through its records."""

    journal: Journal
    """The records in the run's folder."""

    @property
    def id(self) -> str:
        """The run's id."""
        return self.journal.run_id

    @property
    def folder(self) -> Path:
        """The run's folder, which holds its records."""
        return self.journal.folder

    @property
    def metrics(self) -> dict[str, float]:
        """The candidate's metrics on the test rows, by id; intervals are in `evaluation.metrics`."""
        return {name: estimate.value for name, estimate in self.evaluation.metrics.items()}

    @property
    def model(self) -> Model:
        """The version that the run registered, ready to predict.

        Raises:
            UsageError: it registered none: its candidate is rejected, held or only shown, or the run has not ended.
        """
        from raytemplate.history.registered import open_model

        promotion = self.promotion
        if promotion is None or not promotion.version:
            raise UsageError(f"run {self.id} has registered no model", next_step=f"raytemplate show {self.id}")
        return open_model(f"{self.plan.name}/{promotion.version}", Workspace(self.folder.parents[2]))

    @property
    def plan(self) -> RunPlan:
        """The plan that the run executes."""
        return read_lock(self.journal).plan

    @property
    def snapshot(self) -> Snapshot:
        """Exactly which data was read."""
        return self.journal.need(Snapshot)

    @property
    def profile(self) -> DataProfile | None:
        """What the raw columns of each window held; None for runs of earlier versions, which kept no profile."""
        return self.journal.read(DataProfile)

    @property
    def labels(self) -> LabelChanges | None:
        """Rows whose target has changed since the champion was trained; None if not known."""
        return self.journal.read(LabelChanges)

    @property
    def fit(self) -> FitResult:
        """The result of training: epochs and candidate."""
        return self.journal.need(FitResult)

    @property
    def evaluation(self) -> Evaluation:
        """Candidate, champion and baseline on the same rows."""
        return self.journal.need(Evaluation)

    @property
    def verdict(self) -> Verdict:
        """Approved, Held or Rejected."""
        return self.journal.need(VerdictRecord).verdict

    @property
    def promotion(self) -> PromotionRecord | None:
        """What became of the candidate; None if it was rejected."""
        return self.journal.read(PromotionRecord)

    @property
    def end(self) -> RunEnd | None:
        """How the run ended; None while it is unfinished."""
        return self.journal.read(RunEnd)

    @property
    def exit_code(self) -> int:
        """0 if the candidate is the champion, equal to it, or only shown; 5 if it is held or rejected."""
        return ending(self.promotion)[1]

    @property
    def champion_version_after(self) -> int:
        """The champion's version when the run had been judged; 0 if there was none."""
        promotion = self.promotion
        if promotion is not None and promotion.outcome in ("promoted", "unchanged"):
            return promotion.version
        champion = self.evaluation.champion_ref
        return champion.version if champion else 0

    @property
    def champion_findings(self) -> tuple[Finding, ...]:
        """Findings of the gates that need no candidate about the champion at that time; empty if there was none."""
        return self._said(judge_champion)

    @property
    def candidate_findings(self) -> tuple[Finding, ...]:
        """Findings of the same gates about the run's own candidate, treated as a model in service."""
        return self._said(judge_alone)

    def _said(self, judged: Callable[[Mapping[str, Gate], Evidence], tuple[Finding, ...]]) -> tuple[Finding, ...]:
        with suppress(IntegrityError, PluginError):  # a record that is gone, or a gate that is no longer installed
            return judged(build_gates(self.plan.govern.gates), evidence_from(self.journal))
        return ()

    @property
    def champion_that_fails(self) -> str:
        """A line about a champion that stays although it would not pass its gates today; "" otherwise."""
        champion = self.evaluation.champion_ref
        if champion is None or self.champion_version_after != champion.version:
            return ""
        return champion_text(champion.version, self.champion_findings)

    @property
    def waivers_granted(self) -> tuple[Waiver, ...]:
        """Waivers of its candidate that are in force, and that its verdict does not rest on yet."""
        record, fit = self.journal.read(VerdictRecord), self.journal.read(FitResult)
        if record is None or fit is None or isinstance(record.verdict, Approved):
            return ()
        with suppress(IntegrityError, UsageError):  # a run is shown from its own records, even if the ledger is lost
            ledger = open_ledger(Workspace(self.folder.parents[2]))
            found = waivers_of(ledger.events(self.plan.name), self.id, fit.candidate.digest)
            used, now = {waiver.event for waiver in record.verdict.waivers}, ledger.now()
            return tuple(waiver for waiver in found if waiver.expires > now and waiver.event not in used)
        return ()

    @property
    def marks(self) -> tuple[SnapshotMark, ...]:
        """Whether its snapshot is frozen, revoked, or both; nothing if the ledger cannot be read."""
        snapshot = self.journal.read(Snapshot)
        found = marks_of(self.folder.parent) if snapshot is not None else ()
        return tuple(mark for mark in found if snapshot is not None and mark.snapshot == snapshot.digest)

    @property
    def state(self) -> State:
        """How the run ended; until then "running" while a process works on it, else "unfinished"."""
        end = self.end
        if end is not None:
            return end.state
        return "running" if is_held(self.journal.active) else "unfinished"

    @property
    def sweep(self) -> SweepResult | None:
        """The result of its sweep; None if it has not ended or there is none."""
        return self.journal.read(SweepResult)

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """The trials that have ended so far."""
        return self.journal.trials()

    def row(self) -> RunRow:
        """The run as a line of a list."""
        start, end, evaluation = self.journal.need(RunStart), self.end, self.journal.read(Evaluation)
        promotion = self.promotion
        return RunRow(
            run_id=self.id,
            name=start.name,
            as_of=start.as_of,
            started=start.started,
            state=self.state,
            metric=evaluation.metric if evaluation else "",
            value=evaluation.metrics[evaluation.metric].value if evaluation else None,
            version=promotion.version if promotion else 0,
            wall_clock_s=end.wall_clock_s if end else self.journal.spent().seconds,
            planned_s=start.planned_s,
            cost_usd=end.cost_usd if end else None,
            planned_usd=start.planned_usd,
        )

    def view(self) -> RunView:
        """All existing records, for printing.

        Raises:
            IntegrityError: the run was judged, but a record that it was judged on is missing.
        """
        verdict = self.journal.read(VerdictRecord)
        if verdict is not None:
            for kind in (Snapshot, FitResult, Evaluation):
                need_judged(self.journal, kind)
        sweep = self.sweep
        return RunView(
            start=self.journal.need(RunStart),
            plan=settled(self.plan, sweep),
            snapshot=self.journal.read(Snapshot),
            labels=self.labels,
            trials=self.trials,
            sweep=sweep,
            fit=self.journal.read(FitResult),
            evaluation=self.journal.read(Evaluation),
            verdict=verdict.verdict if verdict else None,
            promotion=self.promotion,
            end=self.end,
            reproduced=next(reversed(self.journal.reproductions()), None),
            champion_says=self.champion_that_fails if verdict is not None else "",
        )

    def __str__(self) -> str:
        view, granted = self.view(), self.waivers_granted
        still = still_stops(view.verdict, granted, datetime.now(UTC)) if view.verdict is not None else ()
        return show_run(replace(view, marks=self.marks, granted=granted, still=still))

    def __repr__(self) -> str:
        start, evaluation = self.journal.need(RunStart), self.journal.read(Evaluation)
        found = f", {evaluation.metric} {evaluation.metrics[evaluation.metric].value:.4g}" if evaluation else ""
        return f"<run {self.id} of {start.name}, as of {show_moment(start.as_of)}, {self.state}{found}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"
