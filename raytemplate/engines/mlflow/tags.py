"""Facts about a run as MLflow tags."""

from raytemplate.engines.mlflow.copied import Copied
from raytemplate.engines.mlflow.seen import DIGEST_TAG, RUN_TAG
from raytemplate.planning.stages import RunPlan
from raytemplate.records.judged import Verdict
from raytemplate.records.submitted import SubmittedJob
from raytemplate.redact import redact
from raytemplate.reports.visible import visible
from raytemplate.reports.waiver_shown import waiver_text
from raytemplate.units import show_moment

VERDICT_TAG = "raytemplate.verdict"
NOTE_TAG = "mlflow.note.content"
FOR_SHOW = "For show"
"""The verdict of what a variant made that may not be promoted: it is not judged, whatever its gates find."""
MOST_LENGTH = 8000
"""Longest tag that MLflow accepts, in characters."""


def run_tags(copied: Copied) -> dict[str, str]:
    """The tags of a run, those among them from which MLflow fills columns of its own."""
    plan, view, start = copied.plan, copied.view, copied.view.start
    is_job = copied.journal.read(SubmittedJob) is not None
    found = {
        RUN_TAG: start.run_id,
        "raytemplate.plan": plan.id,
        "raytemplate.template": f"{plan.name} {plan.version}",
        "raytemplate.variant": plan.variant,
        "raytemplate.as_of": show_moment(plan.as_of),
        "raytemplate.owner": plan.owner,
        DIGEST_TAG: view.fit.candidate.digest if view.fit is not None else "",
        VERDICT_TAG: verdict_of(plan, view.verdict),
        "mlflow.user": start.user,
        "mlflow.source.name": start.template,
        "mlflow.source.type": "JOB" if is_job else "LOCAL",
        "mlflow.source.git.commit": start.commit,
    }
    if view.verdict is not None and plan.govern.promotable:
        found["raytemplate.outcome"] = view.promotion.outcome if view.promotion is not None else ""
        found |= {f"raytemplate.gate.{finding.gate}": finding.outcome for finding in view.verdict.findings}
        found |= {f"raytemplate.waiver.{one.gate}": waiver_text(one)[:MOST_LENGTH] for one in view.verdict.waivers}
    return {name: visible(redact(value)) for name, value in found.items() if value}


def verdict_of(plan: RunPlan, verdict: Verdict | None) -> str:
    """The verdict in a word; "" before there is one."""
    if verdict is None:
        return ""
    return type(verdict).__name__ if plan.govern.promotable else FOR_SHOW
