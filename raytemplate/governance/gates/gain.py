"""How `beats-baseline` and `beats-champion` judge a paired gain."""

import math
from datetime import UTC, datetime

from raytemplate.governance.figures import gained, limit
from raytemplate.governance.thin import units_text
from raytemplate.records.evaluated import Estimate, Evaluation, MetricValue, Scored
from raytemplate.records.judged import Finding


def gain_finding(gate: str, evaluation: Evaluation, other: Scored, min_gain: float) -> Finding:
    """Passes if the weak end of the paired 95 % interval is better by at least `min_gain`.

    A weak end of exactly 0 is not better, so with `min_gain` 0 it must be above 0: a model that predicts the same as
    the other never replaces it. Only a negative `min_gain` lets an equal model pass.
    """
    problem = incomparable(evaluation, other)
    if problem or other.difference is None:
        return Finding(gate=gate, outcome="block", found=problem or f"{other.name}: no paired difference was taken")
    gain = other.difference.gain
    better = gain.low >= min_gain and (gain.low > 0 or min_gain < 0)
    return Finding(
        gate=gate,
        outcome="pass" if better else "block",
        found=gained(gain),
        required=f"at least {limit(min_gain)}" if min_gain >= 0 else f"worse by {limit(-min_gain)} at most",
        hint="" if better else _hint(gain, evaluation),
    )


def incomparable(evaluation: Evaluation, other: Scored) -> str:
    """Why the candidate and the other model cannot be compared on these rows; "" if they can."""
    if evaluation.candidate_seen_until > evaluation.test_start:
        return seen_text("the candidate", evaluation.candidate_seen_until, evaluation.test_start)
    ours, theirs = evaluation.candidate.metrics.get(evaluation.metric), other.metrics.get(evaluation.metric)
    if ours is None or theirs is None:
        return f"{evaluation.metric} was not computed for both"
    taken = other.difference
    if _formula(ours) != _formula(theirs) or (taken and (taken.metric, taken.version) != (ours.id, ours.version)):
        return f"{ours.id} version {ours.version} cannot be compared with {theirs.id} version {theirs.version}"
    return ""


def seen_text(who: str, seen_until: datetime, test_start: datetime) -> str:
    """The message about a model that was trained on times that the test window covers."""
    seen, start = (moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M") for moment in (seen_until, test_start))
    return f"{who} has seen data until {seen} UTC, the test starts {start}"


def _formula(metric: MetricValue) -> tuple[str, int, bool]:
    return metric.id, metric.version, metric.higher_is_better


def _hint(gain: Estimate, evaluation: Evaluation) -> str:
    if not math.isfinite(gain.low):
        return f"{units_text(evaluation.num_groups, evaluation.resample)} to draw from: lengthen data.windows.test"
    if gain.high < 0:
        return "shown to be worse"
    return "not shown to be better" if gain.low <= 0 else "better, but by less than required"
