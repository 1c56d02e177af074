"""Runs that are resumed: which ones may be, at which door, and whether there is time left for it."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from raytemplate.errors import BudgetSpent, IntegrityError, Unavailable, WorkedOn
from raytemplate.execution.decide import is_stale
from raytemplate.execution.failure import record_failure
from raytemplate.execution.handover import candidate_of, spent_on
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.execution.time_left import refuse_spent
from raytemplate.ledger.head import Ledger
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.store.locks import FileLock, is_held


@contextmanager
def working_on(journal: Journal) -> Generator[None]:
    """Hold the right to write the run's records, which only one process has at a time.

    Raises:
        WorkedOn: another process works on the run.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(FileLock(journal.active, 0.0))
        except Unavailable:
            raise WorkedOn(
                f"run {journal.run_id} is being worked on by another process", next_step="wait until it has ended"
            ) from None
        yield


def is_unfinished(journal: Journal, plan: RunPlan) -> bool:
    """Whether it is a run of exactly that plan, gates and budget included, that has no end and no process working on
    it."""
    try:
        return _is_unfinished(journal, plan)
    except IntegrityError:
        return False  # nobody can tell which plan a damaged run belongs to; `runs` names it


def _is_unfinished(journal: Journal, plan: RunPlan) -> bool:
    start = journal.read(RunStart)
    if start is None or start.plan_id != plan.id or journal.read(RunEnd) is not None:
        return False
    if is_held(journal.active):
        return False
    locked = read_lock(journal).plan
    # Forecasts, what is reused and fields that are only shown may differ from day to day.
    shown = {
        "forecast": plan.forecast,
        "machine": plan.machine,
        "template": plan.template,
        "version": plan.version,
        "reuse": plan.reuse,
    }
    return (
        replace(
            locked,
            **shown,
            govern=replace(locked.govern, skips=plan.govern.skips, holds=plan.govern.holds),
            limits=replace(locked.limits, reserve_s=plan.limits.reserve_s),
        )
        == plan
    )


def to_put_aside(journal: Journal, plan: RunPlan, ledger: Ledger) -> tuple[type, ...] | None:
    """The kinds of record that a resumed run supersedes, in this order, so that their doors are open again.

    Returns:
        None if the run has ended for good: judged, against the current champion, or the promoter is still asked.
    """
    if plan.govern.promotable and is_stale(journal, ledger, plan.name):
        # The end first: if stopped in between, the run counts as unfinished, not as ended without a verdict.
        return RunEnd, PromotionRecord, VerdictRecord, Evaluation
    if _was_refused(journal):
        return RunEnd, PromotionRecord, VerdictRecord
    end = journal.read(RunEnd)
    return (RunEnd,) if end is None or end.state == "failed" else None


def _was_refused(journal: Journal) -> bool:
    """Whether a team's promoter has refused to judge the run, which is final for that request: it may ask again."""
    record = journal.read(PromotionRecord)
    return record is not None and record.outcome == "asked" and bool(record.warning)


def refuse_spent_run(journal: Journal, plan: RunPlan, began: float) -> None:
    """Begin nothing if the budget is spent; a run without an end then gets one.

    Args:
        began: `time.monotonic()` when the budget's clock began.

    Raises:
        BudgetSpent: recorded as the run's end.
    """
    meter, candidate = plan.limits.meter(spent_on(journal, plan.limits.usd_per_s), began), candidate_of(journal)
    if candidate is not journal and is_held(candidate.active):
        return  # its job is working on it, and the cluster ends that
    try:
        refuse_spent(plan, journal, meter, candidate)
    except BudgetSpent as error:
        record_failure(journal, plan, meter, error)
        raise
