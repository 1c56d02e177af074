"""What is known of a run in a word each, as MLflow's tags."""

from raytemplate.execution.journal import Journal
from raytemplate.planning.stages import RunPlan
from raytemplate.records.fitted import FitResult
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunStart
from raytemplate.records.submitted import SubmittedJob
from raytemplate.redact import redact
from raytemplate.units import show_moment

RUN_TAG, DIGEST_TAG, VERDICT_TAG = "raytemplate.run", "raytemplate.digest", "raytemplate.verdict"
NOTE_TAG = "mlflow.note.content"
FOR_SHOW = "For show"
"""The verdict of what a variant made that may not be promoted: it is not judged, whatever its gates find."""
MOST_LENGTH = 8000
"""Characters that MLflow takes of a tag."""


def made_from(plan: RunPlan, start: RunStart) -> dict[str, str]:
    """What a run and its version were made from."""
    found = {
        "raytemplate.plan": plan.id,
        "raytemplate.template": start.template,
        "raytemplate.template_version": plan.version,
        "raytemplate.variant": plan.variant,
        "raytemplate.as_of": show_moment(plan.as_of),
        "raytemplate.owner": plan.owner,
        "raytemplate.commit": start.commit,
    }
    return {name: redact(value) for name, value in found.items() if value}


def run_tags(plan: RunPlan, start: RunStart, journal: Journal) -> dict[str, str]:
    """The tags of a run, those among them from which MLflow fills the columns of its own."""
    known = {
        RUN_TAG: start.run_id,
        "mlflow.user": start.user,
        "mlflow.source.name": redact(start.template),
        "mlflow.source.type": "JOB" if journal.read(SubmittedJob) is not None else "LOCAL",
        "mlflow.source.git.commit": start.commit,
    }
    return {name: value for name, value in known.items() if value} | made_from(plan, start) | judged(plan, journal)


def judged(plan: RunPlan, journal: Journal) -> dict[str, str]:
    """What was decided, as far as it was: the verdict and each gate's outcome, of a candidate that may be promoted."""
    fit, record = journal.read(FitResult), journal.read(VerdictRecord)
    found = {DIGEST_TAG: fit.candidate.digest} if fit is not None else {}
    if record is None:
        return found
    if not plan.govern.promotable:
        return found | {VERDICT_TAG: FOR_SHOW}
    found[VERDICT_TAG] = type(record.verdict).__name__
    if (promotion := journal.read(PromotionRecord)) is not None:
        found["raytemplate.outcome"] = promotion.outcome
    return found | {f"raytemplate.gate.{finding.gate}": finding.outcome for finding in record.verdict.findings}
