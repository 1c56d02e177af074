"""The lines of a run's progress: one for each finished stage, and one for each epoch during training."""

import math
from collections.abc import Sequence

from raytemplate.governance.repeats import RULES
from raytemplate.planning.stages import RunPlan
from raytemplate.records.contracted import ContractFound
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult, Restart, WarmStart
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Approved, Held, Rejected
from raytemplate.records.run import StageName
from raytemplate.records.swept import SweepResult, TrialRecord
from raytemplate.reports.wording import about_seconds, metric_text, rounded, trained_epochs
from raytemplate.units import count, show_limit, show_seconds, show_usd, show_usd_limit

_STOPPED = {"epochs": "", "early stopping": " (early stopping)"}
_OUTCOMES = {"block": "blocked", "error": "without an answer", "hold": "held", "warn": "warned", "skip": "skipped"}


def stage_line(stage: StageName, text: str, seconds: float) -> str:
    """A stage that has ended: its name, its result and how long it took."""
    return f"  ✓ {stage:<11}{text:<46}   {show_seconds(seconds):>5}"


def ingest_text(snapshot: Snapshot, drop: str = "") -> str:
    """Rows read in the windows, how many of them `data.drop` and the contract removed, how many had no time and so no
    window, and whose rows they are if they were reused."""
    rows = count(snapshot.num_rows, "row")
    dropped = f"; {snapshot.num_dropped:,} dropped: {drop}" if drop else ""
    timeless = f"; {snapshot.num_without_time:,} more have no time" if snapshot.num_without_time else ""
    reused = f"; reused from run {snapshot.reused.run_id}" if snapshot.reused else ""
    return rows + dropped + _by_contract(snapshot.contract) + timeless + reused


def _by_contract(found: ContractFound | None) -> str:
    if found is None:
        return ""
    counts = ((found.num_quarantined, "quarantined"), (found.num_dropped, "dropped by the contract"))
    return "".join(f"; {count:,} {what}" for count, what in counts if count)


def sweep_text(sweep: SweepResult) -> str:
    """Trials by how they ended, and the winner."""
    states = [record.state for record in sweep.trials]
    others = [f"{states.count(state)} {state}" for state in ("pruned", "cut", "diverged", "failed") if state in states]
    told = f" ({', '.join(others)})" if others else ""
    best = sweep.best
    won = f"best {sweep.metric} {metric_text(best.validation or 0.0)} in trial {best.number}"
    return f"{count(len(states), 'trial')}{told}, {won}"


def trial_line(record: TrialRecord, best: TrialRecord | None, left_s: float) -> str:
    """How far a sweep has got: "trial 7 finished, best 7.31 (trial 4), 52 s left"."""
    said = f"best {metric_text(best.validation or 0.0)} (trial {best.number})" if best else "no usable trial so far"
    return f"trial {record.number} {record.state}, {said}, {about_seconds(max(0.0, left_s))} left"


def fit_text(fit: FitResult) -> str:
    """Family, epochs trained, why training stopped if it stopped early, and the candidate's validation metric."""
    candidate = fit.candidate
    stopped = _STOPPED.get(fit.stopped, f" (stopped by {fit.stopped})")
    resumed = f", resumed after {fit.resumed_from_epoch}" if fit.resumed_from_epoch else ""
    again = f", {restarts_text(fit.restarts)}" if fit.restarts else ""
    begun = f", {start_text(fit.warm_start)}" if fit.warm_start else ""
    result = f"validation {candidate.metric} {metric_text(candidate.validation)}"
    return f"{candidate.family}, {count(trained_epochs(fit), fit.step)}{stopped}{resumed}{again}{begun}, {result}"


def restarts_text(restarts: Sequence[Restart]) -> str:
    """How often training was started again, and why the last time; Ray's own message is in the record."""
    why = restarts[-1].short
    return f"started again {count(len(restarts), 'time')} ({'the last time: ' if len(restarts) > 1 else ''}{why})"


def start_text(start: WarmStart) -> str:
    """What training starts from, if a warm start was requested."""
    if start.problem:
        return f"not from the champion's weights: {start.problem}"
    return f"from the weights of version {start.version}"


def evaluate_text(evaluation: Evaluation) -> str:
    """The number of test rows and of the groups that were resampled."""
    rows = count(evaluation.num_rows, "test row")
    if evaluation.resample == "row":
        return rows
    return f"{rows}, {count(evaluation.num_groups, evaluation.resample)}"


def govern_text(verdict: Approved | Held | Rejected) -> str:
    """The number of gates, and how many did not pass, by outcome."""
    outcomes = [finding.outcome for finding in verdict.findings]
    num_gates = sum(finding.gate not in RULES for finding in verdict.findings)
    others = [f"{outcomes.count(key)} {word}" for key, word in _OUTCOMES.items() if key in outcomes]
    waived = [f"{len(verdict.waivers)} waived"] if verdict.waivers else []
    return ", ".join([count(num_gates, "gate"), *others, *waived])


def epoch_line(
    epoch: int,
    num_epochs: int,
    metric: str,
    value: float,
    rows_per_s: float,
    left_s: float | None = None,
    *,
    step: str = "epoch",
) -> str:
    """How far training has got: "epoch 3 of 6, validation mae 7.43, 812,000 rows/s, 2 s left"."""
    parts = [
        f"{step} {epoch:,} of {num_epochs:,}",
        f"validation {metric} {metric_text(value)}",
        f"{rounded(rows_per_s)} rows/s",
    ]
    return ", ".join(parts if left_s is None else [*parts, f"{about_seconds(left_s)} left"])


def budget_line(plan: RunPlan, spent_s: float, spent_usd: float) -> str:
    """What is spent and what is left: "8 s (planned 9 s); 9m 52s of 10m and 1.00 of 1 USD left"."""
    limits, planned = plan.limits, about_seconds(plan.forecast.seconds)
    time_left = f"{clock_text(max(0.0, limits.time_s - spent_s))} of {show_limit(limits.time_s)}"
    if math.isinf(limits.cost_usd):
        return f"{clock_text(spent_s)} (planned {planned}); {time_left} left"
    usd_left = show_usd(max(0.0, limits.cost_usd - spent_usd))
    money_left = f"{usd_left} of {show_usd_limit(limits.cost_usd)} USD"
    return f"{clock_text(spent_s)} (planned {planned}); {time_left} and {money_left} left"


def clock_text(seconds: float) -> str:
    """A running clock: to the second below an hour, to the minute above."""
    minutes, rest = divmod(int(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60}h {minutes % 60}m"
    return f"{minutes}m {rest}s" if minutes else f"{rest} s"
