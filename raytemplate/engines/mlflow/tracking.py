"""A run's records as an MLflow run: description, tags, parameters, metrics, data read, and the records as artifacts."""

import math
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities import Param, Run, RunTag

from raytemplate.engines.mlflow.copied import Copied
from raytemplate.engines.mlflow.datasets import datasets
from raytemplate.engines.mlflow.measured import at_the_end, by_epoch, milliseconds
from raytemplate.engines.mlflow.parameters import parameters
from raytemplate.engines.mlflow.seen import RUN_TAG
from raytemplate.engines.mlflow.tags import MOST_LENGTH, NOTE_TAG, run_tags
from raytemplate.execution.artifacts import MODEL_CARD
from raytemplate.execution.journal import LOCK, RECORDS, STATEMENT
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import VerdictRecord
from raytemplate.redact import redact
from raytemplate.reports.run_note import model_note, run_note

REPORT = "report.html"
_RECORDS = (LOCK, *(RECORDS[kind] for kind in (Snapshot, FitResult, Evaluation, VerdictRecord)))
_KIND_TAG, _KIND = "mlflow.experimentKind", "custom_model_development"
"""Without it MLflow's pages ask whether the experiment is about models or about language models."""
_MOST_METRICS, _MOST_PARAMS = 800, 100
"""How many MLflow takes in one request, with the tags."""
_WHOLE, _CUT_SHORT = "FINISHED", "KILLED"
"""MLflow's status of a run that was judged, and of one that is not judged yet, and never will be if it ends now."""


def track_early(client: MlflowClient, copied: Copied, artifact_location: str | None) -> str:
    """The id of the MLflow run of one of our runs that is not judged yet; it is created if there is none.

    Until `track` completes it, its status is "KILLED", so that it stays behind with the right one if our run is killed.
    """
    experiment = _experiment(client, copied, artifact_location)
    run = _found(client, experiment, copied) or _new(client, experiment, copied)
    run_id = str(run.info.run_id)
    if run.info.status not in (_WHOLE, _CUT_SHORT):
        client.update_run(run_id, status=_CUT_SHORT)
    return run_id


def track(client: MlflowClient, copied: Copied, artifact_location: str | None) -> str:
    """The id of the MLflow run of one of our runs, which is created once and updated on every call."""
    experiment = _experiment(client, copied, artifact_location)
    run = _found(client, experiment, copied) or _new(client, experiment, copied)
    run_id = str(run.info.run_id)
    is_new = run.info.status != _WHOLE  # or was begun early, or left so by a process that was killed
    if _log(client, run, copied, is_new=is_new) or is_new:
        _log_records(client, run_id, copied)
    has_inputs = run.inputs is not None and bool(run.inputs.dataset_inputs)
    if copied.view.snapshot is not None and not has_inputs:
        client.log_inputs(run_id, datasets(copied))
    if is_new:
        client.set_terminated(run_id, _WHOLE)
    return run_id


def log_documents(client: MlflowClient, copied: Copied, report: str) -> None:
    """Add the documents of a run that has ended: report, model card and, if it registered a version, in-toto statement.
    Nothing if MLflow has no such run.

    Args:
        report: the report's HTML.
    """
    experiment = client.get_experiment_by_name(copied.plan.promote.experiment)
    run = _found(client, experiment.experiment_id, copied) if experiment is not None else None
    if run is None:
        return
    with TemporaryDirectory() as folder:
        (Path(folder) / REPORT).write_text(report)
        for name in (MODEL_CARD, STATEMENT):
            if (document := copied.journal.folder / name).exists():
                shutil.copyfile(document, Path(folder) / name)
        client.log_artifacts(run.info.run_id, folder)


def _experiment(client: MlflowClient, copied: Copied, artifact_location: str | None) -> str:
    name = copied.plan.promote.experiment
    found = client.get_experiment_by_name(name)
    if found is None:
        tags = {_KIND_TAG: _KIND, NOTE_TAG: redact(model_note(copied.plan))}
        return str(client.create_experiment(name, artifact_location=artifact_location, tags=tags))
    if _KIND_TAG not in found.tags:
        client.set_experiment_tag(found.experiment_id, _KIND_TAG, _KIND)
    return str(found.experiment_id)


def _found(client: MlflowClient, experiment: str, copied: Copied) -> Run | None:
    wanted = f"tags.`{RUN_TAG}` = '{copied.view.start.run_id}'"
    return next(iter(client.search_runs([experiment], wanted, max_results=1)), None)


def _new(client: MlflowClient, experiment: str, copied: Copied) -> Run:
    start, plan = copied.view.start, copied.plan
    variant = "" if plan.variant == "standard" else f"{plan.variant} "
    name = f"{plan.as_of:%Y-%m-%d} {variant}{start.run_id}"  # MLflow's table has room for the beginning
    return client.create_run(experiment, start_time=milliseconds(start.started), run_name=name, tags=run_tags(copied))


def _log(client: MlflowClient, run: Run, copied: Copied, *, is_new: bool) -> bool:
    """Log what MLflow lacks or has with other values; returns whether there was anything to log."""
    has = run.data
    wanted = run_tags(copied) | {NOTE_TAG: redact(run_note(copied.view))[:MOST_LENGTH]}
    tags = [RunTag(name, value) for name, value in wanted.items() if has.tags.get(name) != value]
    metrics = [metric for metric in at_the_end(copied) if has.metrics.get(metric.key) != metric.value]
    params: list[Param] = []
    if is_new:
        metrics += by_epoch(copied)
        params += parameters(copied)
    num_parts = max(math.ceil(len(metrics) / _MOST_METRICS), math.ceil(len(params) / _MOST_PARAMS), 1 if tags else 0)
    for part in range(num_parts):
        client.log_batch(
            run.info.run_id,
            metrics=metrics[part * _MOST_METRICS :][:_MOST_METRICS],
            params=params[part * _MOST_PARAMS :][:_MOST_PARAMS],
            tags=tags if part == 0 else (),
        )
    return num_parts > 0


def _log_records(client: MlflowClient, run_id: str, copied: Copied) -> None:
    with TemporaryDirectory() as folder:
        for name in _RECORDS:
            if (copied.journal.folder / name).exists():
                shutil.copyfile(copied.journal.folder / name, Path(folder) / name)
        client.log_artifacts(run_id, folder, "records")
