"""The source `arrow`: files of Arrow's IPC format (Feather version 2), read and hashed whole."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pyarrow as pa

from raytemplate.data.sources.agreement import check_rows, check_same_schema, check_time
from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.data.sources.locations import find_files, named, open_file
from raytemplate.data.sources.source import ListOrder, ReadResult, SliceOrder
from raytemplate.data.times import between, time_range
from raytemplate.errors import DataError, IntegrityError
from raytemplate.plugins import suggest
from raytemplate.records.ingested import FileRead


class ArrowSource:
    """A record batch is a slice; its number says which. Without checksums in the format the whole file is hashed."""

    kind = "arrow"
    endings: tuple[str, ...] = (".arrow", ".feather")

    @staticmethod
    def list_source(order: ListOrder) -> SourceTable:
        """See `Source`."""
        root = Path(os.path.abspath(order.root))
        paths = find_files(order.pattern, root, ArrowSource.endings)
        schema: dict[str, str] = {}
        files: list[SourceFile] = []
        for path in paths:
            content, reader = _open(path)
            found = {field.name: str(field.type) for field in reader.schema}
            schema = schema or found
            check_same_schema(path, found, paths[0], schema)
            if order.time:
                check_time(path, reader.schema, order.time)
            slices = tuple(_slice(reader, index, order.time) for index in range(reader.num_record_batches))
            digest = hashlib.sha256(content).hexdigest()
            files.append(SourceFile(path=named(path, root), size_bytes=len(content), sha256=digest, slices=slices))
        check_rows(order.pattern, files)
        return SourceTable(kind=ArrowSource.kind, root=str(root), files=tuple(files), schema=schema)

    @staticmethod
    def read_slice(order: SliceOrder) -> ReadResult:
        """See `Source`."""
        content, reader = _open(order.path)
        digest = hashlib.sha256(content).hexdigest()
        if order.sha256 not in (None, digest):
            raise IntegrityError(f"{order.path}: changed since it was planned", next_step="plan again")
        for name in order.columns:
            if name not in reader.schema.names:
                raise DataError(f"{order.path}: no column {name}; {suggest(name, tuple(reader.schema.names))}")
        table: Any = pa.Table.from_batches([reader.get_batch(index) for index in order.slices], reader.schema)
        if order.time:
            table = table.filter(between(table.column(order.time), order.start, order.end))
        file = FileRead(
            path=order.path,
            size_bytes=len(content),
            row_groups=order.slices,
            bytes_read=len(content),
            sha256=digest,
        )
        return ReadResult(table=table.select(list(order.columns)), file=file)


def _open(path: str) -> tuple[bytes, Any]:
    with open_file(path) as file:
        content = file.read()
    try:
        return content, pa.ipc.open_file(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not an Arrow file, or damaged: {error}") from error


def _slice(reader: Any, index: int, time: str) -> Slice:
    batch = reader.get_batch(index)
    low, high = time_range(batch.column(time)) if time else (None, None)
    sizes = {name: batch.column(name).nbytes for name in batch.schema.names}
    return Slice(number=index, num_rows=batch.num_rows, time_min=low, time_max=high, column_bytes=sizes)
