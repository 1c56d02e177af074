"""What a person should know before using a model: one page of Markdown, made from a run's records alone."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import cast

from raytemplate.governance.thin import LEAST_UNITS, units_text
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Estimate, Evaluation, Scored
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.reports.sliced import slice_tables, worst_text
from raytemplate.reports.verdict import compared, outcome_text
from raytemplate.reports.wording import (
    baseline_name,
    count,
    estimate_texts,
    settings_text,
    short,
    stopped_by,
    trained_epochs,
)
from raytemplate.spec.wording import show_value
from raytemplate.units import show_moment

_TASKS = {"regression": "a number", "binary": "the probability of yes", "multiclass": "a probability for each class"}


def model_card(
    plan: RunPlan,
    run_id: str,
    snapshot: Snapshot,
    fit: FitResult,
    evaluation: Evaluation,
    verdict: VerdictRecord,
    promotion: PromotionRecord | None,
) -> str:
    """The card of a run's candidate: what it is, its purpose, its data, its quality, its gates and its limits."""
    outcome = " ".join(outcome_text(plan.name, verdict.verdict, promotion, champion_version=None).split())
    parts = [
        f"# {plan.name} {plan.version}",
        outcome,
        _table(("", ""), _about(plan, run_id, fit)),
        "## What it is for",
        _table(("metadata", ""), [(key, _text(value)) for key, value in plan.metadata.items()])
        or "The template does not say; `metadata` is the field for it.",
        "## Data",
        *_data(plan, snapshot),
        "## How good it is",
        *_metrics(plan, evaluation),
        *_slices(evaluation),
        "## Gates",
        _table(
            ("gate", "outcome", "found", "required"),
            [(f.gate, f.outcome, f.found, f.required) for f in verdict.verdict.findings],
        ),
        "## Limits",
        "\n".join(f"- {line}" for line in _limits(plan, fit, evaluation)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(plan: RunPlan, run_id: str, fit: FitResult) -> list[tuple[str, str]]:
    candidate = fit.candidate
    settings = settings_text(candidate.settings)
    return [
        ("owner", plan.owner or "nobody"),
        ("predicts", f"`{plan.ingest.target}`: {_TASKS[plan.ingest.task]}"),
        ("model", f"{candidate.family}{f', {settings}' if settings else ''}"),
        ("trained", f"{fit.step} {candidate.epoch} of {trained_epochs(fit)} is the best; stopped by {stopped_by(fit)}"),
        ("features", ", ".join(f"`{step.column}`" for step in plan.ingest.features)),
        ("as of", f"{show_moment(plan.as_of)} UTC"),
        ("run", f"{run_id}, plan {plan.id}{'' if plan.variant == 'standard' else f', variant {plan.variant}'}"),
        ("model digest", f"`{candidate.digest}`"),
    ]


def _data(plan: RunPlan, snapshot: Snapshot) -> Iterator[str]:
    dropped = f"; {count(snapshot.num_dropped, 'row')} left out: `{plan.ingest.drop}`" if snapshot.num_dropped else ""
    yield f"{count(len(snapshot.files), 'file')}, snapshot `{short(snapshot.digest)}`{dropped}."
    rows = [(w.name, *_span(plan, w.start, w.end), f"{w.num_rows:,}") for w in snapshot.windows]
    yield _table(("window", "from", "to (excluded)", "rows"), rows)


def _span(plan: RunPlan, start: datetime, end: datetime) -> tuple[str, str]:
    if plan.ingest.split is not None:
        return "by row hash", "by row hash"
    return show_moment(start), show_moment(end)


def _metrics(plan: RunPlan, evaluation: Evaluation) -> Iterator[str]:
    """Every metric of candidate, champion and baseline with its interval, then the paired differences."""
    models = compared(evaluation, baseline_name(plan.evaluate.baseline))
    yield f"On {count(evaluation.num_rows, 'test row')}. In brackets: 95 % intervals, {evaluation.resample}s resampled."
    rows = [
        (_decides(name, evaluation), *(_estimate(model, name) for _, model in models))
        for name in evaluation.candidate.metrics
    ]
    yield _table(("metric", *(name for name, _ in models)), rows)
    for name, model in models:
        if model is not None and model.difference is not None:
            value, low, high = estimate_texts(model.difference.estimate)
            yield f"Candidate minus {name}, {model.difference.metric}: {value} [{low}, {high}], over the same rows."


def _slices(evaluation: Evaluation) -> Iterator[str]:
    """The deciding metric of each slice, if rows were sliced."""
    tables = slice_tables(evaluation)
    if tables:
        yield f"## By slice ({evaluation.metric})"
        yield " ".join(worst_text(evaluation).split())
    for by, slices in tables:
        rows = [
            (one.value, f"{one.num_rows:,}", _with_interval(one.candidate), _with_interval(one.champion))
            for one in slices
        ]
        yield _table((by, "rows", "candidate", "champion"), rows)


def _with_interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    value, low, high = estimate_texts(estimate)
    return f"{value} [{low}, {high}]" if math.isfinite(estimate.low + estimate.high) else value


def _decides(name: str, evaluation: Evaluation) -> str:
    return f"{name} (decides)" if name == evaluation.metric else name


def _estimate(model: Scored | None, name: str) -> str:
    if model is None or name not in model.metrics:
        return "-"
    return _with_interval(model.metrics[name].estimate)


def _limits(plan: RunPlan, fit: FitResult, evaluation: Evaluation) -> Iterator[str]:
    """What the records tell about how far the figures can be trusted."""
    groups = units_text(evaluation.num_groups, evaluation.resample)
    if plan.ingest.split is not None:
        yield "Rows were split by a hash, not by time: the figures do not tell how well it does on later data."
    else:
        yield (
            f"It has seen data until {show_moment(evaluation.candidate_seen_until)} UTC; the figures are for "
            f"{show_moment(evaluation.test_start)} to {show_moment(evaluation.test_end)} ({groups})."
        )
    if evaluation.num_groups < LEAST_UNITS:
        yield f"The intervals rest on {groups} only; fewer than ten make them too narrow."
    if unknown := evaluation.candidate.num_unknown_categories:
        yield f"{count(unknown, 'test row')} had a category that it had never seen; it treats all of those alike."
    if evaluation.champion_problem:
        yield f"It was not compared with the champion: {evaluation.champion_problem}."
    yield from (f"Training may not have finished: {line}." for line in fit.unfinished)
    if any(window.share < 1 for window in plan.ingest.windows):
        yield "It was trained and tested on a sample of the rows (`data.rows`)."
    yield "The figures hold for data that looks like the test rows; this card does not explain single predictions."


def _text(value: object) -> str:
    items = cast("Sequence[object]", value) if isinstance(value, list | tuple) else (value,)
    return ", ".join(show_value(item).strip('"') for item in items)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; "" if there are no rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
