"""How long a run may still be worked on, and what is said where that is over.

Without a candidate a run has its budget. A candidate is judged although the budget has ended, within what
`Limits.judging_s` adds: the reserve of the plan, at least 30 s, once for all processes of the run together. Nothing is
trained any more then.

Training ends before the budget does, so early that this need not be touched: see `reserve_s`.
"""

from collections.abc import Iterable
from shlex import quote

from raytemplate.budget import Meter
from raytemplate.errors import BudgetSpent
from raytemplate.execution.journal import RECORDS, Journal
from raytemplate.planning.stages import RunPlan
from raytemplate.records.fitted import FitResult
from raytemplate.records.run import RunEnd, StageTiming

_LEAVE_S, _LEAVE_GROUP_S = 2.0, 3.0
"""What no stage is forecast to take, on a quiet machine: to end training where its time is up, to write its model and
to leave Ray; and to end a group of workers."""
_MOST_SLOWER, _MOST_SHARE = 4.0, 0.15
_LEAST_COLUMNS_S, _COLUMNS_S, _COLUMNS_SHARE = 1.5, 10.0, 0.1


def has_candidate(journal: Journal) -> bool:
    """Whether training has left one; quick enough to be asked all the time."""
    return (journal.folder / RECORDS[FitResult]).exists()


def left_s(journal: Journal, meter: Meter) -> float:
    """Seconds until whoever works on the run must have ended. May be negative."""
    return meter.judging_remaining_s() if has_candidate(journal) else meter.remaining_s()


def reserve_s(plan: RunPlan, timings: Iterable[StageTiming]) -> float:
    """Seconds before the end of its budget at which training ends: what follows it is expected to take so long.

    How much slower the machine is than was forecast is known from the stages that this process has passed by then. No
    more than 15% of the budget is taken from training for that; a plan may keep more.

    Args:
        timings: those stages.
    """
    passed = [one for one in timings if one.stage in ("start", "ingest")]
    took_s, planned_s = sum(one.actual_s for one in passed), sum(one.planned_s for one in passed)
    slower = min(max(1.0, took_s / planned_s if planned_s > 0 else 1.0), _MOST_SLOWER)
    leave_s = _LEAVE_S + (_LEAVE_GROUP_S if plan.fit.workers else 0.0)
    limits = plan.limits
    return max(limits.reserve_s, min(slower * (limits.reserve_s + leave_s), _MOST_SHARE * limits.time_s))


def columns_s(left: float) -> float:
    """Seconds that may go into looking at single columns once the candidate is scored: a part of those that are left,
    and enough for some dozens of columns where training has used up its own."""
    return max(_LEAST_COLUMNS_S, min(_COLUMNS_S, _COLUMNS_SHARE * left))


def too_late(plan: RunPlan, journal: Journal, meter: Meter, what: str) -> BudgetSpent:
    """That the time of a run is over.

    Args:
        what: what was not done by then, where there is no candidate.
    """
    if has_candidate(journal):
        what = "and the candidate had not been judged within what was kept for that; it is kept, and not judged"
    return BudgetSpent(f"{meter.told()} were spent, {what}", next_step=_more(plan, meter))


def refuse_spent(plan: RunPlan, journal: Journal, meter: Meter, candidate: Journal | None = None) -> None:
    """Begin nothing that has no time: a resumed run gets no second budget, and no second reserve.

    Args:
        candidate: where the candidate's record is; default: in the run's own folder.

    Raises:
        BudgetSpent: there is nothing left for what is still to be done.
    """
    where = candidate or journal
    if left_s(where, meter) > 0:
        return
    if has_candidate(where):
        what = "what was kept to judge its candidate too; it is kept, and not judged"
    else:
        epochs = journal.epochs()
        kept = f" (training is kept up to epoch {epochs[-1].epoch})" if epochs else ""
        what = f"and there is no candidate{kept}"
    raise BudgetSpent(
        f"run {journal.run_id}: {meter.told()} were spent, {what}; nothing was started", next_step=_more(plan, meter)
    )


def _more(plan: RunPlan, meter: Meter) -> str:
    """A run keeps the budget it was planned with: more of it is another run."""
    return f"raise {meter.ended_by()} (or train on less) and retrain: raytemplate run {quote(plan.template)}"


def is_recorded(journal: Journal) -> bool:
    """Whether the run's own records say how it ended."""
    return (journal.folder / RECORDS[RunEnd]).exists()
