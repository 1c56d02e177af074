"""Runs of a workspace, seen through their records."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from html import escape

from raytemplate.errors import IntegrityError, Unavailable, UsageError
from raytemplate.execution.decide import need_judged
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.planning.stages import RunPlan
from raytemplate.planning.trial import settled
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Verdict, VerdictRecord
from raytemplate.records.promoted import PromotionRecord, ending
from raytemplate.records.run import RunEnd, RunStart, State
from raytemplate.records.swept import SweepResult, TrialRecord
from raytemplate.reports.history import RunRow
from raytemplate.reports.run_shown import RunView, show_run
from raytemplate.store.locks import FileLock, is_held
from raytemplate.store.workspace import Workspace


@dataclass(frozen=True)
class Run:
    """One execution of a plan, seen through its records."""

    journal: Journal

    @property
    def id(self) -> str:
        """The run's id."""
        return self.journal.run_id

    @property
    def plan(self) -> RunPlan:
        """What was to be done."""
        return read_lock(self.journal).plan

    @property
    def snapshot(self) -> Snapshot:
        """Exactly what was read."""
        return self.journal.need(Snapshot)

    @property
    def fit(self) -> FitResult:
        """Epochs and candidate."""
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
        """How it ended; None while it is unfinished."""
        return self.journal.read(RunEnd)

    @property
    def exit_code(self) -> int:
        """0 when its candidate is the champion, equal to it or only for show, 5 when it is held or rejected."""
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
    def state(self) -> State:
        """How it ended; "running" while somebody works on it, "unfinished" where nobody does."""
        end = self.end
        if end is not None:
            return end.state
        return "running" if is_held(self.journal.active) else "unfinished"

    @property
    def sweep(self) -> SweepResult | None:
        """The sweep that it made, once that has ended."""
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
            run_id=self.id, name=start.name, as_of=start.as_of, started=start.started,
            state=self.state,
            metric=evaluation.metric if evaluation else "",
            value=evaluation.metrics[evaluation.metric].value if evaluation else None,
            version=promotion.version if promotion else 0,
            wall_clock_s=end.wall_clock_s if end else self.journal.spent().seconds, planned_s=start.planned_s,
            cost_usd=end.cost_usd if end else None, planned_usd=start.planned_usd,
        )  # fmt: skip

    def view(self) -> RunView:
        """All records there are, for printing.

        Raises:
            IntegrityError: a run that was judged lacks what it was judged on.
        """
        verdict = self.journal.read(VerdictRecord)
        if verdict is not None:
            for kind in (Snapshot, FitResult, Evaluation):
                need_judged(self.journal, kind)
        sweep = self.sweep
        return RunView(
            start=self.journal.need(RunStart), plan=settled(self.plan, sweep),
            snapshot=self.journal.read(Snapshot), trials=self.trials, sweep=sweep,
            fit=self.journal.read(FitResult), evaluation=self.journal.read(Evaluation),
            verdict=verdict.verdict if verdict else None, promotion=self.promotion, end=self.end,
        )  # fmt: skip

    def __str__(self) -> str:
        return show_run(self.view())

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


@contextmanager
def working_on(journal: Journal) -> Generator[None]:
    """The only process that may write the run's records.

    Raises:
        UsageError: another one works on it.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(FileLock(journal.active, 0.0))
        except Unavailable:
            raise UsageError(
                f"run {journal.run_id} is being worked on by another process", next_step="wait until it has ended"
            ) from None
        yield


def is_unfinished(journal: Journal, plan: RunPlan) -> bool:
    """Whether it is a run of that very plan, its gates and budget included, which nobody has ended or works on."""
    try:
        return _is_unfinished(journal, plan)
    except IntegrityError:
        return False  # of a damaged run nobody can say what it was of; `runs` names it


def _is_unfinished(journal: Journal, plan: RunPlan) -> bool:
    start = journal.read(RunStart)
    if start is None or start.plan_id != plan.id or journal.read(RunEnd) is not None:
        return False
    if is_held(journal.active):
        return False
    locked = read_lock(journal).plan
    # What is only foreseen or shown may differ from day to day.
    shown = {"forecast": plan.forecast, "machine": plan.machine, "template": plan.template, "version": plan.version}
    return replace(
        locked, **shown, govern=replace(locked.govern, skips=plan.govern.skips),
        limits=replace(locked.limits, reserve_s=plan.limits.reserve_s),
    ) == plan  # fmt: skip


def journals(place: Workspace) -> list[Journal]:
    """Every run of a workspace."""
    return [Journal(path.parent) for path in place.runs.glob("*/run.json")] if place.runs.exists() else []


def rewrite_end(journal: Journal) -> None:
    """The end of a run whose verdict a person has changed: the one end that takes the place of another."""
    end, promotion = journal.read(RunEnd), journal.read(PromotionRecord)
    if end is None:
        return
    state, code = ending(promotion)
    journal.write(replace(end, state=state, exit_code=code))
