"""A run's records as an OpenLineage event: the data it read, the model version it registered, how it ended."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version as installed
from itertools import takewhile

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    JobFacet,
    RunFacet,
    dataset_type_dataset,
    dataset_version_dataset,
    error_message_run,
    input_statistics_input_dataset,
    job_type_job,
    nominal_time_run,
    processing_engine_run,
    schema_dataset,
)
from openlineage.client.uuid import generate_static_uuid

from raytemplate.data.mask_options import rule_text
from raytemplate.data.masking import masked_type
from raytemplate.data.sources.locations import is_uri, joined
from raytemplate.data.sources.naming import SQL, split_source
from raytemplate.engines.openlineage.facets import (
    ModelDatasetFacet,
    RetrainingRunFacet,
    SnapshotDatasetFacet,
    WindowRead,
)
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import RunLock, read_lock
from raytemplate.planning.stages import IngestStage
from raytemplate.records.fitted import WarmStart
from raytemplate.records.ingested import Snapshot
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.redact import redact

NAMESPACE = "OPENLINEAGE_NAMESPACE"
"""The environment variable of OpenLineage's clients that names the namespace of jobs."""
_WILD = frozenset("*?[")
_MOST_MESSAGE = 1_000


def run_event(journal: Journal, happened: str, message: str = "") -> RunEvent:
    """What the records of a run tell so far.

    Args:
        happened: the state that the run is in, such as "START".
        message: why it failed or was ended; "" if it did not or was not.
    """
    lock, start = read_lock(journal), journal.need(RunStart)
    namespace = os.environ.get(NAMESPACE) or "raytemplate"
    run_id = generate_static_uuid(start.started, journal.run_id.encode())
    return RunEvent(
        eventType=RunState(happened),
        eventTime=datetime.now(UTC).isoformat(),
        run=Run(runId=str(run_id), facets=_run_facets(journal, lock, start, message)),
        job=Job(namespace=namespace, name=lock.plan.name, facets=_job_facets()),
        inputs=[_data(lock, journal.read(Snapshot)), *_started_from(journal, lock, namespace)],
        outputs=list(_outputs(journal, namespace)),
    )


def _run_facets(journal: Journal, lock: RunLock, start: RunStart, message: str) -> dict[str, RunFacet]:
    plan, end = lock.plan, journal.read(RunEnd)
    found: dict[str, RunFacet] = {
        "nominalTime": nominal_time_run.NominalTimeRunFacet(nominalStartTime=plan.as_of.isoformat()),
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            version=lock.environment.get("ray", ""),
            name="Ray",
            openlineageAdapterVersion=installed("raytemplate"),
        ),
        "raytemplate_run": RetrainingRunFacet(
            run=journal.run_id,
            plan=plan.id,
            version=plan.version,
            variant=plan.variant,
            asOf=plan.as_of.isoformat(),
            commit=start.commit,
            state=end.state if end else "",
        ),
    }
    if message:
        found["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=redact(message)[:_MOST_MESSAGE], programmingLanguage="python"
        )
    return found


def _job_facets() -> dict[str, JobFacet]:
    kind = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="RAYTEMPLATE", jobType="RETRAINING")
    return {"jobType": kind}


def _data(lock: RunLock, snapshot: Snapshot | None) -> InputDataset:
    """The data of the plan and, once it was read, of which version it is and how much was read."""
    ingest = lock.plan.ingest
    namespace, name = _named(lock)
    schema = schema_dataset.SchemaDatasetFacet(fields=list(_fields(ingest)))
    facets: dict[str, DatasetFacet] = {"schema": schema}
    amount: dict[str, InputDatasetFacet] = {}
    if version := (snapshot.version or snapshot.digest) if snapshot else ingest.version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version)
    if snapshot is not None:
        facets["raytemplate_snapshot"] = _snapshot(snapshot, ingest)
        amount["inputStatistics"] = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
            rowCount=snapshot.num_rows, size=snapshot.bytes_read, fileCount=len(snapshot.files)
        )
    return InputDataset(namespace=namespace, name=name, facets=facets, inputFacets=amount)


def _snapshot(snapshot: Snapshot, ingest: IngestStage) -> SnapshotDatasetFacet:
    timed = ingest.split is None
    windows = [
        WindowRead(
            name=one.name,
            rows=one.num_rows,
            start=one.start.isoformat() if timed else None,
            end=one.end.isoformat() if timed else None,
        )
        for one in snapshot.windows
    ]
    return SnapshotDatasetFacet(digest=snapshot.digest, name=snapshot.short_name, windows=windows)


def _fields(ingest: IngestStage) -> Iterator[schema_dataset.SchemaDatasetFacetFields]:
    """The columns that are read, as they are after masking; of a masked one how."""
    types = dict(ingest.source_columns) or {name: str(kind) for name, kind in ingest.types.items()}
    rules = ingest.mask.rules if ingest.mask else {}
    for name in ingest.columns:
        rule = rules.get(name)
        yield schema_dataset.SchemaDatasetFacetFields(
            name=name,
            type=masked_type(types.get(name, ""), rule) or None,
            description=f"masked: {rule_text(rule)}" if rule else None,
        )


def _named(lock: RunLock) -> tuple[str, str]:
    """Namespace and name of the data, as OpenLineage names files and tables: the folder of files, the root of a Delta
    table. What a database answers has no such name; it goes by the name that the template gives it."""
    ingest, data = lock.plan.ingest, lock.resolved.get("data", {})
    if ingest.source == SQL:
        return "sql", ingest.name
    named = str(data.get("source") or (posixpath.dirname(ingest.files[0].path) if ingest.files else ingest.name))
    path = redact(joined(ingest.root, split_source(named)[1]))
    scheme, _, rest = path.partition("://") if is_uri(path) else ("file", "", path)
    parts = tuple(takewhile(lambda part: not _WILD & {*part}, rest.split("/")))
    if scheme == "file":
        return "file", "/".join(parts) or "/"
    return f"{scheme}://{parts[0]}", "/".join(parts[1:]) or "/"


def _started_from(journal: Journal, lock: RunLock, namespace: str) -> Iterator[InputDataset]:
    """The version that training started from, and the feature set that was taken."""
    warm = journal.read(WarmStart)
    if warm is not None and not warm.problem:
        version = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(warm.version))
        yield InputDataset(namespace=namespace, name=f"models/{lock.plan.name}", facets={"version": version})
    if (taken := lock.plan.ingest.taken) is not None:
        version = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(taken.version))
        yield InputDataset(namespace=namespace, name=f"features/{taken.model}", facets={"version": version})


def _outputs(journal: Journal, namespace: str) -> Iterator[OutputDataset]:
    """The version that the run registered."""
    promotion = journal.read(PromotionRecord)
    if promotion is None or not promotion.version or promotion.outcome == "unchanged":
        return
    facets: dict[str, DatasetFacet] = {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(promotion.version)),
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet(datasetType="MODEL"),
        "raytemplate_model": ModelDatasetFacet(digest=promotion.digest, outcome=promotion.outcome),
    }
    yield OutputDataset(namespace=namespace, name=f"models/{promotion.model}", facets=facets)
