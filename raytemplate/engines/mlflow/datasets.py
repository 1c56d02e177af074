"""What a run read, as MLflow's dataset inputs: one for each window, under the digest of the snapshot."""

import json

from mlflow.entities import Dataset, DatasetInput, InputTag

from raytemplate.data.sources.locations import is_uri, joined
from raytemplate.data.sources.naming import SQL, split_source
from raytemplate.engines.mlflow.copied import Copied
from raytemplate.engines.mlflow.signature import MLFLOW_TYPES
from raytemplate.execution.lock import RunLock
from raytemplate.planning.stages import IngestStage
from raytemplate.records.ingested import Snapshot, WindowRead
from raytemplate.redact import redact
from raytemplate.reports.wording import short
from raytemplate.units import show_moment

_CONTEXT = "mlflow.data.context"
_CONTEXTS = {"train": "training"}
"""What MLflow calls a window, if it is not the window's own name."""
_FILES = ("parquet", "csv", "jsonl")
"""Formats whose sources are files."""


def dataset_of(copied: Copied, window: str) -> tuple[str, str]:
    """Name and digest of a window. Digests of all windows are equal: it is one snapshot."""
    assert copied.view.snapshot is not None
    return f"{copied.plan.name}-{window}", short(copied.view.snapshot.digest)


def datasets(copied: Copied) -> list[DatasetInput]:
    """The windows of a run; none before it has read them."""
    lock, snapshot = copied.lock, copied.view.snapshot
    if snapshot is None:
        return []
    ingest = lock.plan.ingest
    kind, source = _source(lock, snapshot)
    schema = json.dumps({"mlflow_colspec": _columns(ingest, snapshot)})
    return [
        DatasetInput(
            Dataset(
                *dataset_of(copied, window.name),
                source_type=kind,
                source=json.dumps(source),
                schema=schema,
                profile=json.dumps(_profile(ingest, window) | ({"data": snapshot.short_name} if snapshot.name else {})),
            ),
            [InputTag(_CONTEXT, _CONTEXTS.get(window.name, window.name))],
        )
        for window in snapshot.windows
    ]


def _source(lock: RunLock, snapshot: Snapshot) -> tuple[str, dict[str, str]]:
    """Kind and address, in MLflow's words for files and buckets. A saved plan knows its files only."""
    ingest, data = lock.plan.ingest, lock.resolved.get("data", {})
    named = str(data.get("source") or (snapshot.files[0].path if snapshot.files else ingest.source))
    if snapshot.source == "delta":
        table = joined(ingest.root, split_source(named)[1])
        return "delta_table", {"path": redact(table), "delta_table_version": snapshot.version}
    if snapshot.source == SQL:
        return "sql", {"name": snapshot.name, "query": redact(str((data.get("sql") or {}).get("query", "")))}
    if is_uri(named):
        return named.partition("://")[0], {"uri": redact(named)}
    if (snapshot.source or "parquet") in _FILES:
        return "local", {"uri": redact(joined(ingest.root, named))}
    return snapshot.source, {"name": redact(named)}


def _columns(ingest: IngestStage, snapshot: Snapshot) -> list[dict[str, str | bool]]:
    types = {name: MLFLOW_TYPES.get(ingest.types.get(name, ""), "any") for name in snapshot.columns}
    return [{"type": kind, "name": name, "required": False} for name, kind in types.items()]


def _profile(ingest: IngestStage, window: WindowRead) -> dict[str, object]:
    profile: dict[str, object] = {"num_rows": window.num_rows, "num_dropped": window.num_dropped}
    if ingest.split is not None:
        return profile
    return profile | {"from": show_moment(window.start), "to (excluded)": show_moment(window.end)}
