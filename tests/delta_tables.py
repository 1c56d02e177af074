"""Delta tables for tests, with a log written by hand, so that the names of files are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_TYPES = {
    "int64": "long",
    "double": "double",
    "string": "string",
    "timestamp[us]": "timestamp_ntz",
    "date32[day]": "date",
}
_PROTOCOL = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["timestampNtz"], "writerFeatures": []}


def commit(folder: Path, version: int, actions: list[dict[str, Any]]) -> None:
    """Write a version of the log, made in the night of the day `version + 1` of January 2013."""
    log = folder / "_delta_log" / f"{version:020}.json"
    log.parent.mkdir(parents=True, exist_ok=True)
    made = {"commitInfo": {"timestamp": 1_356_998_400_000 + version * 86_400_000, "operation": "WRITE"}}
    log.write_text("".join(json.dumps(action) + "\n" for action in (made, *actions)))


def begin(folder: Path, schema: pa.Schema, partitions: list[str] | None = None, **settings: str) -> None:
    """Version 0: no files."""
    commit(
        folder,
        0,
        [{"protocol": {**_PROTOCOL, "writerFeatures": ["timestampNtz"]}}, columns(schema, partitions, settings)],
    )


def columns(
    schema: pa.Schema, partitions: list[str] | None = None, settings: dict[str, str] | None = None
) -> dict[str, Any]:
    """The action that says which columns a table has."""
    fields = [{"name": f.name, "type": _TYPES[str(f.type)], "nullable": True, "metadata": {}} for f in schema]
    told = {"id": "t", "format": {"provider": "parquet", "options": {}}, "partitionColumns": partitions or []}
    text = json.dumps({"type": "struct", "fields": fields})
    return {"metaData": {**told, "schemaString": text, "configuration": settings or {}, "createdTime": 0}}


def add(path: Path, folder: Path, **values: str | None) -> dict[str, Any]:
    """The action that adds a file, with the values of its partition."""
    size = path.stat().st_size
    name = path.relative_to(folder).as_posix().replace("%", "%25").replace(" ", "%20")
    return {"add": {"path": name, "partitionValues": values, "size": size, "modificationTime": 0, "dataChange": True}}


def write(path: Path, table: pa.Table) -> None:
    """One more version with this file, in place of the one of that name if there is one."""
    folder = path.parent
    if not (folder / "_delta_log").exists():
        begin(folder, table.schema)
    before = path.exists()
    pq.write_table(table, path, row_group_size=4)
    gone = {"remove": {"path": path.name, "deletionTimestamp": 0, "dataChange": True}}
    commit(folder, len(list((folder / "_delta_log").glob("*.json"))), [*([gone] if before else []), add(path, folder)])
