"""Copies a run's records to an MLflow run: parameters, metrics by epoch, and the records themselves as artifacts."""

import re
from collections.abc import Mapping
from datetime import datetime

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from raytemplate.execution.journal import LOCK, Journal
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.run import RunStart
from raytemplate.records.swept import SweepResult
from raytemplate.redact import redact

RUN_TAG = "raytemplate.run"
_MOST_PARAM_LENGTH = 500


def track(client: MlflowClient, plan: RunPlan, journal: Journal, artifact_location: str | None) -> str:
    """The id of the MLflow run for one of our runs, which is created once, however often this is called."""
    experiment = _experiment(client, plan.promote.experiment, artifact_location)
    found = client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{journal.run_id}'", max_results=1)
    if found:
        _log_verdict(client, found[0].info.run_id, journal)
        return str(found[0].info.run_id)
    start = journal.need(RunStart)
    run = client.create_run(
        experiment,
        start_time=milliseconds(start.started),
        run_name=f"{journal.run_id} as of {plan.as_of:%Y-%m-%d}",
        tags={RUN_TAG: journal.run_id, "raytemplate.plan": plan.id, "mlflow.user": start.user},
    )
    run_id = str(run.info.run_id)
    client.log_batch(run_id, metrics=_metrics(journal, start), params=_params(plan, journal))
    _log_verdict(client, run_id, journal)
    for name in (LOCK, "snapshot.json", "fit.json", "evaluation.json"):
        if (journal.folder / name).exists():
            client.log_artifact(run_id, str(journal.folder / name))
    client.set_terminated(run_id, "FINISHED")
    return run_id


def _experiment(client: MlflowClient, name: str, artifact_location: str | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=artifact_location))


def _log_verdict(client: MlflowClient, run_id: str, journal: Journal) -> None:
    verdict = journal.read(VerdictRecord)
    if verdict is None:
        return
    tags = [RunTag("raytemplate.verdict", type(verdict.verdict).__name__)]
    tags += [RunTag(f"raytemplate.gate.{f.gate}", f.outcome) for f in verdict.verdict.findings]
    client.log_batch(run_id, tags=tags)
    client.log_artifact(run_id, str(journal.folder / "verdict.json"))


def _params(plan: RunPlan, journal: Journal) -> list[Param]:
    flat: dict[str, object] = {
        "as_of": plan.as_of.isoformat(),
        "template_version": plan.version,
        "ingest": plan.ingest.mode,
    }
    flat |= {f"model.{key}": value for key, value in plan.fit.model.items()}
    flat |= {f"training.{key}": value for key, value in plan.fit.training.items()}
    swept = journal.read(SweepResult)
    drawn = swept.best.values if swept else {}
    flat |= {name: value for name, value in drawn.items() if name.startswith("features.")}
    return [param(key, value) for key, value in flat.items()]


def param(name: str, value: object) -> Param:
    """A parameter without secrets, with a name and a length that MLflow accepts."""
    return Param(re.sub(r"[^\w./: -]", "_", name), redact(str(value))[:_MOST_PARAM_LENGTH])


def _metrics(journal: Journal, start: RunStart) -> list[Metric]:
    begun = milliseconds(start.started)
    logged = [
        Metric(key, value, begun + int(epoch.wall_clock_s * 1000), epoch.epoch)
        for epoch in journal.epochs()
        for key, value in (("train_loss", epoch.train_loss), ("validation", epoch.validation))
    ]
    evaluation, fit = journal.read(Evaluation), journal.read(FitResult)
    last = _last(evaluation, fit)
    return logged + [Metric(key, value, begun, 0) for key, value in last.items()]


def _last(evaluation: Evaluation | None, fit: FitResult | None) -> Mapping[str, float]:
    found: dict[str, float] = {}
    if fit is not None:
        found |= {"fit_s": fit.usage.wall_clock_s, "rows_per_s": fit.rows_per_s, "cost_usd": fit.usage.cost_usd}
    if evaluation is not None:
        for scored in (evaluation.candidate, evaluation.champion, evaluation.baseline):
            if scored is not None:
                found |= {f"test_{scored.name}_{m.id}": m.estimate.value for m in scored.metrics.values()}
    return found


def milliseconds(moment: datetime) -> int:
    """The moment in MLflow's unit, milliseconds since 1970."""
    return int(moment.timestamp() * 1000)
