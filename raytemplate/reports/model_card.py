"""What a person should know before using a model: one page of Markdown, made from a run's records alone."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import cast

from raytemplate.data.mask_options import rule_text
from raytemplate.governance.thin import LEAST_UNITS, units_text
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.reports.contract_shown import broken_rows
from raytemplate.reports.data_card import LEAST_ROWS
from raytemplate.reports.markdown import markdown_metrics, markdown_table, plain_markdown, with_interval
from raytemplate.reports.sliced import slice_tables, worst_text
from raytemplate.reports.verdict import compared, outcome_text
from raytemplate.reports.waiver_shown import waiver_text
from raytemplate.reports.wording import (
    baseline_name,
    estimate_texts,
    settings_text,
    short,
    stopped_by,
    taken_text,
    trained_epochs,
)
from raytemplate.spec.wording import show_value
from raytemplate.units import count, show_moment

TASKS = {"regression": "a number", "binary": "the probability of yes", "multiclass": "a probability for each class"}
"""What a model gives, by its task."""


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
        markdown_table(("", ""), _about(plan, run_id, fit)),
        "## What it is for",
        markdown_table(("metadata", ""), [(key, text_of(value)) for key, value in plan.metadata.items()])
        or "The template does not say; `metadata` is the field for it.",
        "## Data",
        *_data(plan, snapshot),
        "## How good it is",
        *_metrics(plan, evaluation),
        *_slices(evaluation),
        "## Gates",
        markdown_table(
            ("gate", "outcome", "found", "required"),
            [(f.gate, f.outcome, f.found, f.required) for f in verdict.verdict.findings],
        ),
        "\n".join(f"- `{one.gate}` was {waiver_text(one)}" for one in verdict.verdict.waivers),
        "## Limits",
        "\n".join(f"- {line}" for line in limits_of(plan, fit, evaluation)),
    ]
    return plain_markdown("\n\n".join(part for part in parts if part) + "\n")


def _about(plan: RunPlan, run_id: str, fit: FitResult) -> list[tuple[str, str]]:
    candidate = fit.candidate
    settings = settings_text(candidate.settings)
    return [
        ("owner", plan.owner or "nobody"),
        ("predicts", f"`{plan.ingest.target}`: {TASKS[plan.ingest.task]}"),
        ("model", f"{candidate.family}{f', {settings}' if settings else ''}"),
        ("trained", f"{fit.step} {candidate.epoch} of {trained_epochs(fit)} is the best; stopped by {stopped_by(fit)}"),
        *([("features taken", taken_text(plan.ingest.taken))] if plan.ingest.taken else []),
        ("features", ", ".join(f"`{name}`" for name in features_of(plan))),
        ("as of", f"{show_moment(plan.as_of)} UTC"),
        ("run", f"{run_id}, plan {plan.id}{'' if plan.variant == 'standard' else f', variant {plan.variant}'}"),
        ("model digest", f"`{candidate.digest}`"),
    ]


def features_of(plan: RunPlan) -> list[str]:
    """Names of the features of a plan, those that it takes from a feature set first."""
    taken = plan.ingest.taken.features if plan.ingest.taken else ()
    return [one.column for one in (*taken, *plan.ingest.features)]


def _data(plan: RunPlan, snapshot: Snapshot) -> Iterator[str]:
    dropped = f"; {count(snapshot.num_dropped, 'row')} left out: `{plan.ingest.drop}`" if snapshot.num_dropped else ""
    name = f"{snapshot.short_name}, " if snapshot.name else ""
    yield f"{count(len(snapshot.files), 'file')}, snapshot {name}`{short(snapshot.digest)}`{dropped}."
    if plan.ingest.mask is not None:
        masked = ", ".join(f"`{name}` ({rule_text(rule)})" for name, rule in plan.ingest.mask.rules.items())
        yield f"Masked as they were read, and when it predicts: {masked}."
    broken = [(f"`{one.promise}`", f"{one.num_rows:,}", one.fate) for one in broken_rows(snapshot.contract)]
    if broken:
        yield markdown_table(("broken promise of the data", "rows", "what happened to them"), broken)
    rows = [(w.name, *_span(plan, w.start, w.end), f"{w.num_rows:,}") for w in snapshot.windows]
    yield markdown_table(("window", "from", "to (excluded)", "rows"), rows)


def _span(plan: RunPlan, start: datetime, end: datetime) -> tuple[str, str]:
    if plan.ingest.split is not None:
        return "by row hash", "by row hash"
    return show_moment(start), show_moment(end)


def _metrics(plan: RunPlan, evaluation: Evaluation) -> Iterator[str]:
    """Every metric of candidate, champion and baseline with its interval, then the paired differences."""
    yield f"On {count(evaluation.num_rows, 'test row')}. In brackets: 95 % intervals, {evaluation.resample}s resampled."
    yield markdown_metrics(plan, evaluation)
    for name, model in compared(evaluation, baseline_name(plan.evaluate.baseline)):
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
            (one.value, f"{one.num_rows:,}", with_interval(one.candidate), with_interval(one.champion))
            for one in slices
            if one.num_rows >= LEAST_ROWS
        ]
        yield markdown_table((by, "rows", "candidate", "champion"), rows)


def limits_of(plan: RunPlan, fit: FitResult, evaluation: Evaluation) -> Iterator[str]:
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


def text_of(value: object) -> str:
    """A value of `metadata`, or several, in a line."""
    items = cast("Sequence[object]", value) if isinstance(value, list | tuple) else (value,)
    return ", ".join(show_value(item).strip('"') for item in items)
