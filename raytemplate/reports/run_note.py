"""A run in a few lines of Markdown, for lists of runs: how it ended, what was trained, what the gates found."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from raytemplate.planning.stages import RunPlan
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Verdict
from raytemplate.records.promoted import PromotionRecord
from raytemplate.reports.markdown import markdown_metrics, markdown_table, plain_markdown
from raytemplate.reports.model_card import TASKS, text_of
from raytemplate.reports.run_shown import RunView
from raytemplate.reports.verdict import outcome_text
from raytemplate.reports.wording import head_line, settings_text, trained_epochs
from raytemplate.units import count, show_moment


def run_note(view: RunView) -> str:
    """The run so far, with the commands that show all of it."""
    return _joined([*_candidate(view), *_gates(view)])


def version_note(view: RunView) -> str:
    """The model that a run produced: how it was judged, what it is and how good."""
    return _joined(_candidate(view))


def model_note(plan: RunPlan) -> str:
    """What all versions of a registered model have in common."""
    about = [("owner", plan.owner), ("template", plan.template), *((k, text_of(v)) for k, v in plan.metadata.items())]
    return _joined(
        [
            f"Predicts `{plan.ingest.target}`: {TASKS[plan.ingest.task]}. Retrained by raytemplate.",
            "\n".join(f"- {name}: {value}" for name, value in about if value),
            "The workspace's ledger decides which version is the champion; the aliases here follow it.",
        ]
    )


def _joined(parts: Iterable[str]) -> str:
    return plain_markdown("\n\n".join(part for part in parts if part) + "\n")


def _candidate(view: RunView) -> Iterator[str]:
    plan, run_id = view.plan, view.start.run_id
    if view.verdict is not None:
        yield how_it_ended(plan, view.verdict, view.promotion)
    yield f"{', '.join(head_line(plan, run_id).split('   '))}. {_trained(plan, view.fit, view.snapshot)}".strip()
    yield f"`raytemplate show {run_id}` and `raytemplate report {run_id}` show everything."
    if view.evaluation is not None:
        yield f"On {count(view.evaluation.num_rows, 'test row')}, with 95 % intervals:"
        yield markdown_metrics(plan, view.evaluation)


def _gates(view: RunView) -> Iterator[str]:
    if view.verdict is not None:
        yield "" if view.plan.govern.promotable else "What the gates found, for information:"
        rows = [(f.gate, f.outcome, f.found, f.required) for f in view.verdict.findings]
        yield markdown_table(("gate", "outcome", "found", "required"), rows)


def how_it_ended(plan: RunPlan, verdict: Verdict, promotion: PromotionRecord | None) -> str:
    """One sentence or two: what the verdict is, or that the run was for show and is not judged for anything."""
    if not plan.govern.promotable:
        return f"For show: variant {plan.variant} promotes nothing, whatever its gates find."
    # Leaves out whether MLflow has the run: this text may be read in MLflow.
    told = replace(promotion, projected=True, warning="") if promotion is not None else None
    return " ".join(outcome_text(plan.name, verdict, told, champion_version=None).split())


def _trained(plan: RunPlan, fit: FitResult | None, snapshot: Snapshot | None) -> str:
    if fit is None or snapshot is None:
        return ""
    settings, train = settings_text(fit.candidate.settings), snapshot.window("train")
    rows = f"{train.num_rows:,} rows"
    if plan.ingest.split is None:
        rows += f" ({show_moment(train.start)} to {show_moment(train.end)})"
    return (
        f"`{plan.ingest.target}` by {fit.candidate.family}{f' ({settings})' if settings else ''}, trained on {rows}: "
        f"{fit.step} {fit.candidate.epoch} of {trained_epochs(fit)} is the best."
    )
