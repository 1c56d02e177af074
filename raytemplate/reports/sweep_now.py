"""A sweep in progress as a live table: the best so far, what is running, what is spent and how many more trials fit."""

import math
from dataclasses import dataclass

from raytemplate.planning.stages import RunPlan
from raytemplate.records.swept import RunningTrial, SweepNow
from raytemplate.reports.progress import clock_text
from raytemplate.reports.trials_shown import drawn_text
from raytemplate.reports.wording import about_seconds, metric_text
from raytemplate.units import count, show_limit, show_usd, show_usd_limit

_STATES = ("finished", "pruned", "cut", "diverged", "failed")
_MOST_RUNNING = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Gauge:
    """One line with a bar."""

    name: str
    """What it measures."""
    done: float
    """The filled share of the bar, from 0 to 1."""
    text: str
    """The words beside the bar."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepTable:
    """The lines above the budget."""

    ended: str
    """How many trials have ended, how, and how many more fit."""
    best: str
    """The best trial so far, with its values."""
    running: tuple[Gauge, ...]
    """The running trials that are shown."""
    num_hidden: int
    """Running trials that are not shown."""


def sweep_table(now: SweepNow, plan: RunPlan) -> SweepTable:
    """The state of a sweep, in words."""
    running = sorted(now.running, key=lambda one: one.number)
    return SweepTable(
        ended=_ended(now),
        best=_best(now, plan),
        running=tuple(map(_running, running[:_MOST_RUNNING])),
        num_hidden=max(0, len(running) - _MOST_RUNNING),
    )


def _ended(now: SweepNow) -> str:
    counts = dict(now.counts)
    number = sum(counts.values())
    said = f"{count(number, 'trial')} ended: " if number else "no trial has ended yet"
    said += ", ".join(f"{counts[state]:,} {state}" for state in _STATES if counts.get(state))
    if now.more is None:
        return said
    return f"{said}; {f'about {now.more:,} more fit' if now.more else 'no more fit'}"


def _best(now: SweepNow, plan: RunPlan) -> str:
    best = now.best
    if best is None or plan.sweep is None:
        return "no usable trial so far"
    drawn = [f"{knob.name} {drawn_text(best, knob.name)}" for knob in plan.sweep.space if knob.name in best.values]
    return f"{plan.fit.metric} {metric_text(best.validation or 0.0)} in trial {best.number}: {', '.join(drawn)}"


def _running(one: RunningTrial) -> Gauge:
    took = about_seconds(one.running_s)
    text = f"{one.step} {one.epoch:,} of {one.num_epochs:,}, {took}" if one.epoch else f"begun, {took}"
    return Gauge(name=f"trial {one.number}", done=one.epoch / max(1, one.num_epochs), text=text)


def budget_gauges(plan: RunPlan, spent_s: float, spent_usd: float) -> tuple[Gauge, ...]:
    """What the run has spent of its time and, if it is charged, of its money."""
    limits, planned = plan.limits, plan.forecast
    time = f"{clock_text(spent_s)} of {show_limit(limits.time_s)} (planned {about_seconds(planned.seconds)})"
    gauges = [Gauge(name="time", done=_share(spent_s, limits.time_s), text=time)]
    if limits.rate("sweep") > 0 and math.isfinite(limits.cost_usd):
        money = f"{show_usd(spent_usd)} of {show_usd_limit(limits.cost_usd)} USD (planned {show_usd(planned.cost_usd)})"
        gauges.append(Gauge(name="money", done=_share(spent_usd, limits.cost_usd), text=money))
    return tuple(gauges)


def _share(spent: float, limit: float) -> float:
    return min(1.0, spent / limit) if limit > 0 else 1.0
