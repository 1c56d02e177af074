"""The trials of a sweep as a table, and the winner's values as a template."""

from __future__ import annotations

import io
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from raytemplate.data.features.options import settings_of
from raytemplate.planning.stages import RunPlan
from raytemplate.planning.trial import trial_stage
from raytemplate.records.codec import Settings
from raytemplate.records.swept import TrialRecord
from raytemplate.reports.layout import table
from raytemplate.reports.resolved import value_text
from raytemplate.reports.wording import metric_text
from raytemplate.spec.names import TOP_LEVEL
from raytemplate.tuning.front import front_of
from raytemplate.tuning.space import drawn_settings
from raytemplate.units import show_seconds

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Trials:
    """The trials of one sweep."""

    plan: RunPlan
    """The run's plan."""
    trials: tuple[TrialRecord, ...]
    """The trials that have ended."""
    best: TrialRecord | None
    """The winner; None if the sweep has not ended."""

    def __str__(self) -> str:
        return trials_table(self.plan, self.trials, self.best) if self.trials else "No trial has ended yet."

    def __repr__(self) -> str:
        return f"<{len(self.trials)} trials of {self.plan.name}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def to_pandas(self) -> pd.DataFrame:
        """A row for each trial, by number: what it drew, how it ended, its best epoch, its time and its cost.

        Each start of the sweep leaves a folder of Ray Tune below `tune` in the run's folder; the column `trial` of
        `tune.ExperimentAnalysis(FOLDER).dataframe()` is the same number.
        """
        import pandas as pd

        rows = [
            {
                "trial": one.number,
                **one.values,
                "family": one.family,
                "state": one.state,
                "epochs": one.epochs,
                "best_epoch": one.best_epoch,
                self.plan.fit.metric: one.validation,
                **one.also,
                "actual_s": one.actual_s,
                "planned_s": one.planned_s,
                "cost_usd": one.cost_usd,
                "problem": one.problem,
            }
            for one in sorted(self.trials, key=lambda one: one.number)
        ]
        return pd.DataFrame(rows)


def trials_table(plan: RunPlan, trials: Sequence[TrialRecord], best: TrialRecord | None) -> str:
    """One row for each trial, best validation metric first, failed ones last; the winner is marked."""
    assert plan.sweep is not None
    names = [knob.name for knob in plan.sweep.space]
    ordered = best_first(trials, higher_is_better=plan.fit.higher_is_better)
    charged, others = any(record.cost_usd for record in trials), [one.name for one in plan.sweep.objectives[1:]]
    front = {record.number for record in front_of(trials, plan.sweep.objectives)} if others else set[int]()
    titles = ("", "trial", plan.fit.metric, *others, steps_text(plan), "state", "took", "planned")
    head = (*titles, *(["USD"] if charged else []), *names)
    rows = [head]
    rows += [
        (
            _mark(record, best, front),
            str(record.number),
            "-" if record.validation is None else metric_text(record.validation),
            *(metric_text(float(record.also[name])) if name in record.also else "-" for name in others),
            f"{record.epochs} of {record.num_epochs}",
            record.state,
            show_seconds(record.actual_s),
            show_seconds(record.planned_s),
            *([f"{record.cost_usd:.4f}"] if charged else []),
            *(drawn_text(record, name) for name in names),
        )
        for record in ordered
    ]
    problems = [f"  trial {record.number}: {record.problem}" for record in ordered if record.problem]
    return "\n".join(
        [table(rows, gaps=(1, *[3] * (len(rows[0]) - 2)), right=tuple(range(1, 3 + len(others)))), *problems]
    )


def steps_text(plan: RunPlan) -> str:
    """What the epochs of a sweep's trials are called: "rounds", or "epochs or rounds" for several families."""
    arms = plan.sweep.arms if plan.sweep else (plan.fit,)
    return " or ".join(sorted({f"{arm.step}s" for arm in arms}))


def _mark(record: TrialRecord, best: TrialRecord | None, front: Container[int]) -> str:
    """A star for the winner, a plus for other trials that none beats in every objective."""
    if best and record.number == best.number:
        return "*"
    return "+" if record.number in front else ""


def best_first(trials: Sequence[TrialRecord], *, higher_is_better: bool) -> list[TrialRecord]:
    """Trials by validation metric, best first, ties by number; those that cannot win come last."""
    return sorted(trials, key=lambda one: one.order(higher_is_better=higher_is_better))


def drawn_text(record: TrialRecord, name: str) -> str:
    """What a trial drew for a field; "" if it drew nothing."""
    value = record.values.get(name)
    return f"{value:.4g}" if isinstance(value, float) else value_text(value)


def winning_template(plan: RunPlan, resolved: Settings, written: Container[str], best: TrialRecord, run_id: str) -> str:
    """The run's template with the winner's values in place of its sweep, as YAML."""
    from ruamel.yaml import YAML

    assert plan.sweep is not None
    stage = trial_stage(plan.sweep, best.values, num_epochs=best.num_epochs)
    document: dict[str, Any] = {name: resolved[name] for name in TOP_LEVEL if name in resolved}
    del document["tuning"]
    kept = ("time", "prices", *(["cost"] if "budget.cost" in written else []))
    document["budget"] = {name: value for name, value in resolved["budget"].items() if name in kept}
    document["features"] = _with_drawn(resolved["features"], best.values)
    if plan.ingest.taken is not None:
        document["features"]["from"] = str(plan.ingest.taken.name)  # "latest" may be another by now
    document["model"] = dict(stage.model)
    document["training"] = {name: value for name, value in stage.training.items() if value is not None}
    yaml, out = YAML(), io.StringIO()
    yaml.default_flow_style = False
    yaml.width = 120
    yaml.dump(_without_nothing(document), out)
    head = f"# The values of trial {best.number} of run {run_id}; paths are relative to where {plan.template} is.\n"
    return head + out.getvalue()


def _with_drawn(features: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The `features` namespace with the column settings that a trial drew."""
    columns = {name: dict(settings) for name, settings in features["columns"].items()}
    for column, settings in drawn_settings(values).items():
        own = columns.get(column, {})
        columns[column] = {**(settings_of(settings["kind"], own) if "kind" in settings else own), **settings}
    return {**features, "columns": columns}


def _without_nothing(value: Any) -> Any:
    """The value without its nulls, which mean the default."""
    if isinstance(value, dict):
        return {key: _without_nothing(below) for key, below in value.items() if below is not None}  # pyright: ignore
    return value
