"""The evaluation report: how good a candidate is, on what it was measured and what each gate found, from records."""

from collections.abc import Iterator
from typing import Any

from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Confusion, Evaluation
from raytemplate.records.judged import VerdictRecord
from raytemplate.reports.data_card import LEAST_ROWS, few
from raytemplate.reports.markdown import markdown_metrics, markdown_table, plain_markdown, with_interval
from raytemplate.reports.sliced import slice_tables
from raytemplate.reports.verdict import compared
from raytemplate.reports.wording import baseline_name, estimate_texts
from raytemplate.units import count, show_moment


def evaluation_report(plan: RunPlan, run_id: str, version: str, evaluation: Evaluation, verdict: VerdictRecord) -> str:
    """The report as Markdown."""
    title = f"version {version}" if version != run_id else f"run {run_id}"
    gates = [(f.gate, f.outcome, f.found, f.required) for f in verdict.verdict.findings]
    parts = [
        f"# Evaluation of {plan.name}, {title}",
        markdown_table(("", ""), _about(plan, run_id, evaluation, verdict)),
        "## Metrics",
        "In brackets: 95 % intervals." if evaluation.num_resamples else "",
        markdown_metrics(plan, evaluation),
        *_differences(plan, evaluation),
        *_slices(evaluation),
        *_confusion(evaluation.confusion),
        "## Gates",
        markdown_table(("gate", "outcome", "found", "required"), gates),
    ]
    return plain_markdown("\n\n".join(part for part in parts if part) + "\n")


def evaluation_facts(plan: RunPlan, run_id: str, evaluation: Evaluation, verdict: VerdictRecord) -> dict[str, Any]:
    """The report for programs. Slices and bins of few rows are left out."""
    return {
        "run": run_id,
        "plan": plan.id,
        "candidate": evaluation.candidate_digest,
        "test_snapshot": evaluation.test_snapshot,
        "test_rows": evaluation.test_rows,
        "test_start": evaluation.test_start,
        "test_end": evaluation.test_end,
        "num_rows": evaluation.num_rows,
        "num_train_rows": evaluation.num_train_rows,
        "resample": evaluation.resample,
        "num_groups": evaluation.num_groups,
        "num_resamples": evaluation.num_resamples,
        "metric": evaluation.metric,
        "scores": {
            name: {"metrics": one.metrics, "difference": one.difference}
            for name, one in compared(evaluation, baseline_name(plan.evaluate.baseline))
            if one is not None
        },
        "champion_problem": evaluation.champion_problem,
        "slices": [one for one in evaluation.slices if one.num_rows >= LEAST_ROWS],
        "calibration": [one for one in evaluation.calibration if one.num_rows >= LEAST_ROWS],
        "verdict": type(verdict.verdict).__name__,
        "judged": verdict.at,
        "gates": verdict.verdict.findings,
        "waivers": verdict.verdict.waivers,
    }


def _about(plan: RunPlan, run_id: str, evaluation: Evaluation, verdict: VerdictRecord) -> list[tuple[str, str]]:
    by_time = plan.ingest.split is None
    span = f"{show_moment(evaluation.test_start)} to {show_moment(evaluation.test_end)}" if by_time else "by row hash"
    return [
        ("verdict", f"{type(verdict.verdict).__name__}, {show_moment(verdict.at)} UTC"),
        ("decides", evaluation.metric),
        ("test rows", f"{count(evaluation.num_rows, 'row')}, {span}"),
        ("intervals", f"{evaluation.num_resamples:,} draws, {count(evaluation.num_groups, evaluation.resample)}"),
        ("test data", f"`{evaluation.test_snapshot}`"),
        ("candidate", f"`{evaluation.candidate_digest}`"),
        ("run", f"{run_id}, plan {plan.id}"),
    ]


def _differences(plan: RunPlan, evaluation: Evaluation) -> Iterator[str]:
    for name, model in compared(evaluation, baseline_name(plan.evaluate.baseline)):
        if model is not None and model.difference is not None:
            value, low, high = estimate_texts(model.difference.estimate)
            yield f"Candidate minus {name}, {model.difference.metric}: {value} [{low}, {high}], over the same rows."
    if evaluation.champion_problem:
        yield f"Not compared with the champion: {evaluation.champion_problem}."


def _slices(evaluation: Evaluation) -> Iterator[str]:
    for by, slices in slice_tables(evaluation):
        enough = [one for one in slices if one.num_rows >= LEAST_ROWS]
        yield f"## By {by} ({evaluation.metric})"
        yield markdown_table(
            (by, "rows", "candidate", "champion"),
            [(o.value, f"{o.num_rows:,}", with_interval(o.candidate), with_interval(o.champion)) for o in enough],
        )
        if hidden := len(slices) - len(enough):
            yield f"{count(hidden, 'slice')} of fewer than {LEAST_ROWS} rows not shown."


def _confusion(confusion: Confusion | None) -> Iterator[str]:
    if confusion is not None:
        yield "## Rows by true and predicted class"
        rows = [
            (true, *(few(number) for number in counts))
            for true, counts in zip(confusion.classes, confusion.counts, strict=True)
        ]
        yield markdown_table(("true \\ predicted", *confusion.classes), rows)
