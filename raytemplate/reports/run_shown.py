"""One run as `show RUN` prints it: what it was made from, how good it is, what was decided."""

from dataclasses import dataclass

from raytemplate.data.mask_options import masked_text
from raytemplate.data.sources.naming import SQL
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Confusion, Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Approved, Finding, Held, Rejected, Waiver
from raytemplate.records.labelled import LabelChanges
from raytemplate.records.marked import SnapshotMark
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.reproduced import Reproduction
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.records.swept import SweepResult, TrialRecord
from raytemplate.reports.columns_shown import leans_text
from raytemplate.reports.contract_shown import contract_lines
from raytemplate.reports.layout import hanging, sentences, table
from raytemplate.reports.progress import evaluate_text, fit_text, ingest_text
from raytemplate.reports.reproduced import reproduced_line
from raytemplate.reports.sliced import worst_text
from raytemplate.reports.verdict import gate_table, metric_table, next_command, outcome_text
from raytemplate.reports.waiver_shown import promote_command, waiver_text
from raytemplate.reports.wording import (
    about_seconds,
    baseline_name,
    head_line,
    settings_text,
    short,
    taken_text,
    with_interval,
)
from raytemplate.units import count, show_bytes, show_usd

_CLASSES_SHOWN, _LABEL = 6, 14


@dataclass(frozen=True, kw_only=True, slots=True)
class RunView:
    """The records of one run so far; None for a door that it has not passed."""

    start: RunStart
    """How it began."""
    plan: RunPlan
    """What it executes."""
    snapshot: Snapshot | None = None
    """The data that it read."""
    labels: LabelChanges | None = None
    """Rows whose target has changed since the champion was trained; None if not known."""
    trials: tuple[TrialRecord, ...] = ()
    """The trials that have ended."""
    sweep: SweepResult | None = None
    """The sweep and its winner."""
    fit: FitResult | None = None
    """The last training and the candidate."""
    evaluation: Evaluation | None = None
    """How good the candidate is."""
    verdict: Approved | Held | Rejected | None = None
    """What the gates say."""
    promotion: PromotionRecord | None = None
    """What became of the candidate."""
    end: RunEnd | None = None
    """How the run ended."""
    reproduced: Reproduction | None = None
    """What came of making it again the last time."""
    champion_says: str = ""
    """A line about a champion that stays although it would not pass its gates; "" otherwise."""
    granted: tuple[Waiver, ...] = ()
    """Waivers that are in force, and that the verdict does not rest on yet."""
    marks: tuple[SnapshotMark, ...] = ()
    """Whether its snapshot is frozen, revoked, or both."""
    still: tuple[Finding, ...] = ()
    """What would still stop the candidate if it were judged with them."""


def show_run(view: RunView) -> str:
    """The run's origin, its metric and gate tables if it has them, how it ended and the next command."""
    blocks = [head_line(view.plan, view.start.run_id) + "\n" + _when(view), _made_from(view)]
    if view.evaluation is not None:
        blocks.append(_evaluated(view.evaluation, view.plan))
    if view.verdict is not None:
        blocks.append(gate_table(view.verdict))
    if view.granted:
        blocks.append(
            "\n".join(hanging(f"  {one.gate}: ", f"{waiver_text(one)} (not used yet)") for one in view.granted)
        )
    return "\n\n".join([*blocks, _ending(view)])


def _when(view: RunView) -> str:
    start, end = view.start, view.end
    who = f"by {start.user} on {start.host}"
    began = f"started {start.started.strftime('%Y-%m-%d %H:%M')} UTC {who}"
    if end is None:
        return sentences(f"unfinished, {began}")
    took = f"{about_seconds(end.wall_clock_s)} (planned {about_seconds(start.planned_s)}), {show_usd(end.cost_usd)} USD"
    return sentences(f"{end.state}, {began}, {took}")


def _made_from(view: RunView) -> str:
    lines = [("template", f"{view.start.template}, version {view.start.version}")]
    if view.plan.set_outside:
        lines.append(("besides", f"set outside it: {', '.join(view.plan.set_outside)}"))
    if view.snapshot is not None:
        lines += [("data", ingest_text(view.snapshot, view.plan.ingest.drop)), ("snapshot", _snapshot(view))]
        lines += contract_lines(view.snapshot.contract)
    if view.labels is not None:
        lines.append(("labels", view.labels.text.removeprefix("labels: ")))
    if view.plan.ingest.mask is not None:
        lines.append(("masked", masked_text(view.plan.ingest.mask.rules)))
    if view.plan.ingest.taken is not None:
        lines.append(("features", f"{taken_text(view.plan.ingest.taken)}, taken as they were fitted"))
    if own := dict.fromkeys(step.column for step in view.plan.ingest.features):
        lines.append(("features", ", ".join(own)))
    lines.append(("model", _family(view)))
    lines.append(("training", settings_text(view.plan.fit.training)))
    if view.fit is not None:
        lines.append(("fit", fit_text(view.fit)))
        lines += [("note", line) for line in view.fit.unfinished]
        candidate = view.fit.candidate
        size = show_bytes(candidate.num_bytes)
        lines.append(("candidate", f"{short(candidate.digest)}, from {view.fit.step} {candidate.epoch}, {size}"))
    if view.evaluation is not None:
        lines.append(("test", evaluate_text(view.evaluation)))
    if view.reproduced is not None:
        lines.append(("made again", reproduced_line(view.reproduced)))
    return "\n".join(hanging(f"  {name:<13}", text) for name, text in lines)


def _family(view: RunView) -> str:
    settings = settings_text(view.plan.fit.model)
    return f"{view.plan.fit.family}: {settings}" if settings else view.plan.fit.family


def _snapshot(view: RunView) -> str:
    snapshot = view.snapshot
    assert snapshot is not None
    files = f"{len(snapshot.files):,} of {count(view.plan.ingest.num_files_listed, 'file')}"
    name = f"{snapshot.short_name}, " if snapshot.name else ""
    files = "by SQL" if snapshot.source == SQL else files
    kept = f"; its rows are kept: {short(snapshot.kept)}" if snapshot.kept else ""
    left_out = f"; {view.plan.left_out}" if view.plan.left_out else ""
    marked = "".join(f"; {mark.text}" for mark in view.marks)
    return f"{name}{short(snapshot.digest)}, {files}, {show_bytes(snapshot.bytes_read)} read{kept}{left_out}{marked}"


def _evaluated(evaluation: Evaluation, plan: RunPlan) -> str:
    text = metric_table(evaluation, baseline_name(plan.evaluate.baseline))
    others = [
        f"{name} {with_interval(estimate)}"
        for name, estimate in evaluation.metrics.items()
        if name != evaluation.metric
    ]
    more = hanging("  candidate's other metrics: ", ", ".join(others)) if others else ""
    whole = "\n".join(line for line in (text, more, worst_text(evaluation), leans_text(evaluation)) if line)
    return f"{whole}\n\n{confusion_table(evaluation.confusion)}" if evaluation.confusion else whole


def confusion_table(found: Confusion) -> str:
    """A row for each actual class and a column for each predicted one; for many classes, where to find the table."""
    if len(found.classes) > _CLASSES_SHOWN:
        return f"  the confusion matrix of the {len(found.classes)} classes is in evaluation.json and the report"
    rows = [("actual ↓ predicted →", *found.classes)]
    rows += [(name, *map("{:,}".format, counts)) for name, counts in zip(found.classes, found.counts, strict=True)]
    numbers = range(1, len(rows))
    return table(rows, gaps=[3] * len(rows), right=numbers, most={0: 24} | dict.fromkeys(numbers, _LABEL))


def _ending(view: RunView) -> str:
    run_id = view.start.run_id
    if view.verdict is not None and view.end is not None:
        outcome = outcome_text(view.plan.name, view.verdict, view.promotion, champion_version=None)
        says = f"\n{sentences(view.champion_says)}" if view.champion_says else ""
        return f"{outcome}{says}\n{_command(view)}"
    if view.end is not None and view.end.message:
        again = f"resume {run_id}"
        if view.end.trouble == "budget":  # a run cannot get a larger budget, so only a new run helps
            again = f"run {view.start.template}    # with a larger budget"
        return sentences(view.end.message) + _whose(view.end) + f"\n  raytemplate {again}"
    return f"It has not ended. If it is no longer running, to resume it:\n  raytemplate resume {run_id}"


def _whose(end: RunEnd) -> str:
    return f"\nTrouble with {end.trouble}; to be tried again {end.retry}." if end.trouble else ""


def _command(view: RunView) -> str:
    assert view.verdict is not None
    if view.granted and all(finding.outcome == "hold" for finding in view.still):
        return promote_command(view.start.run_id, view.still)
    shown = view.promotion is not None and view.promotion.outcome == "shown"
    if shown or isinstance(view.verdict, Rejected):
        return "  raytemplate runs"
    return next_command(view.plan.name, view.start.run_id, view.verdict, view.promotion)
