"""How long a run may still be worked on, and the error once that time is over.

Without a candidate, a run has its budget. A candidate is judged even after the budget has ended, within what
`Limits.judging_s` adds: the plan's reserve, at least 30 s, once for all processes of the run together. Nothing is
trained during that time.

Training ends before the budget does, early enough that this extra time is not normally needed: see `reserve_s`.
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
"""Seconds, on a quiet machine, that no stage's forecast includes: ending training when its time is up, writing its
model and leaving Ray; and ending a group of workers."""
_MOST_SLOWER, _MOST_SHARE = 4.0, 0.15
_LEAST_COLUMNS_S, _COLUMNS_S, _COLUMNS_SHARE = 1.5, 10.0, 0.1


def has_candidate(journal: Journal) -> bool:
    """Whether training has left a candidate; cheap enough to call often."""
    return (journal.folder / RECORDS[FitResult]).exists()


def left_s(journal: Journal, meter: Meter) -> float:
    """Seconds until the process that works on the run must have ended. May be negative."""
    return meter.judging_remaining_s() if has_candidate(journal) else meter.remaining_s()


def reserve_s(plan: RunPlan, timings: Iterable[StageTiming]) -> float:
    """Seconds before the end of the budget at which training ends: the expected duration of what follows it.

    How much slower the machine is than forecast is estimated from the stages that this process has passed. At most 15%
    of the budget is taken from training for that, unless the plan itself reserves more.

    Args:
        timings: the stages that this process has passed.
    """
    passed = [one for one in timings if one.stage in ("start", "ingest")]
    took_s, planned_s = sum(one.actual_s for one in passed), sum(one.planned_s for one in passed)
    slower = min(max(1.0, took_s / planned_s if planned_s > 0 else 1.0), _MOST_SLOWER)
    leave_s = _LEAVE_S + (_LEAVE_GROUP_S if plan.fit.workers else 0.0)
    limits = plan.limits
    return max(limits.reserve_s, min(slower * (limits.reserve_s + leave_s), _MOST_SHARE * limits.time_s))


def columns_s(left: float) -> float:
    """Seconds that may be spent examining single columns once the candidate is scored: a share of the time left, and
    enough for some dozens of columns even if training has used up its own time."""
    return max(_LEAST_COLUMNS_S, min(_COLUMNS_S, _COLUMNS_SHARE * left))


def too_late(plan: RunPlan, journal: Journal, meter: Meter, what: str) -> BudgetSpent:
    """The error of a run whose time is over.

    Args:
        what: what was not done in time, if there is no candidate.
    """
    if has_candidate(journal):
        what = "and the candidate was not judged in the time reserved for that; it is kept, and not judged"
    return BudgetSpent(f"{meter.told()} were spent, {what}", next_step=_more(plan, meter))


def refuse_spent(plan: RunPlan, journal: Journal, meter: Meter, candidate: Journal | None = None) -> None:
    """Begin nothing that there is no time for: a resumed run gets no second budget and no second reserve.

    Args:
        candidate: journal that holds the candidate's record; default: the run's own.

    Raises:
        BudgetSpent: no time is left for what remains to be done.
    """
    where = candidate or journal
    if left_s(where, meter) > 0:
        return
    if has_candidate(where):
        what = "and so was the time reserved for judging its candidate; it is kept, and not judged"
    else:
        epochs = journal.epochs()
        kept = f" (training is kept up to epoch {epochs[-1].epoch})" if epochs else ""
        what = f"and there is no candidate{kept}"
    raise BudgetSpent(
        f"run {journal.run_id}: {meter.told()} were spent, {what}; nothing was started", next_step=_more(plan, meter)
    )


def _more(plan: RunPlan, meter: Meter) -> str:
    """The next step: a run keeps the budget it was planned with, so a larger one needs a new run."""
    return f"raise {meter.ended_by()} (or train on less) and retrain: raytemplate run {quote(plan.template)}"


def is_recorded(journal: Journal) -> bool:
    """Whether the run's own folder records how it ended."""
    return (journal.folder / RECORDS[RunEnd]).exists()
