"""The sweep of a run, as a section of its page."""

import math
from dataclasses import dataclass

from markupsafe import Markup

from raytemplate.planning.stages import RunPlan
from raytemplate.records.swept import SweepResult, TrialRecord
from raytemplate.reports.run_shown import RunView
from raytemplate.reports.sweep_charts import (
    MOST_AXES,
    MOST_LINES,
    coordinates_chart,
    history_chart,
    importance_chart,
    metric_scale,
)
from raytemplate.reports.trials_shown import best_first, drawn_text, steps_text
from raytemplate.reports.wording import metric_text
from raytemplate.tuning.importance import Importance, importance
from raytemplate.units import count, show_limit, show_seconds, show_usd, show_usd_limit

_BEST_SHOWN = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class BestRow:
    """One trial in words."""

    number: int
    """Its number."""
    value: str
    """Its validation metric; "-" if it has none."""
    epochs: str
    """Epochs trained, of those it was asked for."""
    state: str
    """How it ended."""
    took: str
    """How long it took."""
    usd: str
    """What it cost, in US dollars."""
    values: str
    """What it drew."""
    won: bool
    """Whether it is the winner."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepSection:
    """Everything that the page shows about a sweep."""

    metric: str
    """The deciding metric."""
    steps: str
    """What the epochs of its trials are called."""
    ended: str
    """Why there are no more trials."""
    figures: tuple[tuple[str, str], ...]
    """Number and meaning: trials, time and money, planned and used."""
    history: Markup
    """Chart of the validation metric by trial."""
    outside: str
    """What the history cannot draw to scale, in words."""
    coordinates: Markup
    """Chart of each trial's values."""
    legend: str
    """How to read that chart."""
    importance: Markup
    """Chart of the importance of the searched fields."""
    importance_note: str
    """How to read it, or why there is none."""
    best: tuple[BestRow, ...]
    """The best trials."""
    charged: bool
    """Whether any trial cost money."""
    num_more: int
    """Trials that are not among `best`."""


def sweep_section(view: RunView) -> SweepSection | None:
    """The sweep so far; None if the run has no sweep or no trial has ended."""
    plan, trials = view.plan, view.trials
    if plan.sweep is None or not trials:
        return None
    higher, metric = plan.fit.higher_is_better, plan.fit.metric
    winner = view.sweep.best if view.sweep else None
    found = importance(plan.sweep.space, trials, higher_is_better=higher)
    ordered = best_first(trials, higher_is_better=higher)
    return SweepSection(
        metric=metric,
        steps=steps_text(plan),
        ended=_ended(plan, view.sweep),
        figures=_figures(plan, trials, view.sweep),
        history=history_chart(trials, winner, higher_is_better=higher),
        outside=_outside(view),
        coordinates=coordinates_chart(plan.sweep.space, trials, winner, metric, higher_is_better=higher),
        legend=_legend(view),
        importance=importance_chart(found.shares),
        importance_note=_importance_note(found),
        best=tuple(_row(one, plan, won=one == winner) for one in ordered[:_BEST_SHOWN]),
        charged=any(one.cost_usd for one in trials),
        num_more=max(0, len(ordered) - _BEST_SHOWN),
    )


def _ended(plan: RunPlan, sweep: SweepResult | None) -> str:
    """Why there are no more trials."""
    limits, stage = plan.limits, plan.sweep
    assert stage is not None
    if sweep is None:
        return "The sweep has not ended: there is no winner yet."
    match sweep.ended:
        case "trials":
            why = f"it had tried the {count(stage.num_trials or len(sweep.trials), 'trial')} that budget.trials allows"
        case "all values tried":
            why = "every value that can be drawn had been tried"
        case "budget.time":
            why = f"no other trial fitted into what was left of budget.time, {show_limit(limits.time_s)}"
        case "budget.cost":
            why = f"no other trial fitted into what was left of budget.cost, {show_usd_limit(limits.cost_usd)} USD"
        case "budget.per_trial":
            why = f"no other trial fitted into budget.per_trial, {show_limit(stage.per_trial_s)}"
    return f"Trial {sweep.best.number} won. The sweep ended because {why}."


def _figures(plan: RunPlan, trials: tuple[TrialRecord, ...], sweep: SweepResult | None) -> tuple[tuple[str, str], ...]:
    stage, rate = plan.sweep, plan.limits.rate("sweep")
    assert stage is not None
    planned_s = plan.forecast.stage_s("sweep")
    most = f", at most {stage.num_trials:,}" if stage.num_trials else ""
    held_s = sum(one.actual_s for one in trials)
    found = [(count(len(trials), "trial"), f"planned {stage.expected_trials:,}{most}")]
    if sweep is not None:
        limit = f"limit of the run {show_limit(plan.limits.time_s)}"
        found.append((show_seconds(sweep.usage.wall_clock_s), f"planned {show_seconds(planned_s)}, {limit}"))
        if rate > 0:
            used, limit = show_usd(sweep.usage.cost_usd), show_usd_limit(plan.limits.cost_usd)
            found.append((f"{used} USD", f"planned {show_usd(planned_s * rate)}, limit of the run {limit}"))
    found.append((show_seconds(held_s), f"of all trials together, {stage.slots} at once"))
    search = f"{stage.search} ({sweep.sampler})" if sweep else stage.search
    return (*found, (search, f"search, scheduler {stage.scheduler}"))


def _outside(view: RunView) -> str:
    scale = metric_scale(view.trials, higher_is_better=view.plan.fit.higher_is_better)
    lost = sum(not one.is_promotable for one in view.trials)
    edge = "lower" if view.plan.fit.higher_is_better else "upper"
    said = ["the ring: the winner"] if view.sweep else []
    if scale is not None and scale.num_worse:
        said.append(f"{scale.num_worse:,} worse than {metric_text(scale.worst)} on the {edge} edge")
    if lost:
        said.append(f"{lost:,} that cannot win below the scale")
    return "; ".join(said)


def _legend(view: RunView) -> str:
    assert view.plan.sweep is not None
    said = ["thick with dots: the winner"] if view.sweep else []
    said += ["the darker a line, the better the trial, and the higher it ends"]
    if any(not one.is_promotable for one in view.trials):
        said.append("dashed: cannot win")
    if len(view.trials) > MOST_LINES:
        said.append(f"the best {MOST_LINES} of {len(view.trials):,} trials are drawn")
    if len(view.plan.sweep.space) > MOST_AXES:
        said.append(f"the first {MOST_AXES} of {len(view.plan.sweep.space)} searched fields are drawn")
    return "; ".join(said)


def _importance_note(found: Importance) -> str:
    if found.why_not:
        return f"Not computed: {found.why_not}."
    said = (
        f"How well a field distinguishes the best {found.num_good} of {found.num_trials:,} trials from all of them "
        "(Optuna's PED-ANOVA). Trials that ended early count with their best epoch; a field with a condition counts "
        "only among the trials that drew it. If the search settled early on a value of a field, its importance says "
        "little."
    )
    if found.num_trials < 10 * found.num_good:
        said += " With so few trials it is a hint and no more."
    unseen = f" Drawn by none of them: {', '.join(found.unseen)}." if found.unseen else ""
    return said + unseen


def _row(one: TrialRecord, plan: RunPlan, *, won: bool) -> BestRow:
    assert plan.sweep is not None
    drawn = [f"{knob.name} {drawn_text(one, knob.name)}" for knob in plan.sweep.space if knob.name in one.values]
    finite = one.validation is not None and math.isfinite(one.validation)
    return BestRow(
        number=one.number,
        value=metric_text(one.validation) if finite and one.validation is not None else "-",
        epochs=f"{one.epochs:,} of {one.num_epochs:,}",
        state=one.state,
        took=show_seconds(one.actual_s),
        usd=f"{one.cost_usd:.4f}",
        values=", ".join(drawn),
        won=won,
    )
