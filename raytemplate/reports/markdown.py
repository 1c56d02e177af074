"""Tables in Markdown: of anything, and of a run's metrics."""

from collections.abc import Sequence

from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation, Scored
from raytemplate.reports.verdict import compared
from raytemplate.reports.visible import visible
from raytemplate.reports.wording import baseline_name, with_interval


def plain_markdown(text: str) -> str:
    """Markdown with nothing in it that moves a cursor, and no HTML: what looks like a tag is shown as it is."""
    return "\n".join(map(_without_tags, visible(text).split("\n")))


def _without_tags(line: str) -> str:
    parts = line.split("`")
    if len(parts) % 2 == 0:  # a name has a backtick: what is code, and what is not, cannot be told
        return line.replace("<", "&lt;")
    return "`".join(part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(parts))


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; empty if there are no rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def markdown_metrics(plan: RunPlan, evaluation: Evaluation) -> str:
    """Every metric of candidate, champion and baseline, each with its interval."""
    models = compared(evaluation, baseline_name(plan.evaluate.baseline))
    rows = [
        (f"{name} (decides)" if name == evaluation.metric else name, *(_estimate(model, name) for _, model in models))
        for name in evaluation.candidate.metrics
    ]
    return markdown_table(("metric", *(name for name, _ in models)), rows)


def _estimate(model: Scored | None, name: str) -> str:
    return with_interval(model.metrics[name].estimate if model is not None and name in model.metrics else None)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
