"""The source `sqlite`: a table of a database, such as `shop.db/sales`, read in ranges of its row ids."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from raytemplate.data.sources.agreement import check_rows, check_time
from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.data.sources.source import ListOrder, ReadResult, SliceOrder
from raytemplate.data.times import between
from raytemplate.errors import DataError, IntegrityError
from raytemplate.plugins import suggest
from raytemplate.records.codec import Settings
from raytemplate.records.ingested import FileRead

_ROWS = 1_000
_TYPES = {"INTEGER": pa.int64(), "REAL": pa.float64(), "TEXT": pa.string(), "TIMESTAMP": pa.timestamp("us")}


class SqliteSource:
    """It has no files, so that `data.format` names it; a slice's handle is its first and last row id, and a digest."""

    kind = "sqlite"
    endings: tuple[str, ...] = ()

    @staticmethod
    def list_source(order: ListOrder) -> SourceTable:
        """See `Source`."""
        location = str(order.root / order.pattern)
        with closing(_open(location)) as database:
            schema = _schema(database, location)
            if order.time:
                check_time(location, schema, order.time)
            (last,) = database.execute(f"SELECT coalesce(max(rowid), 0) FROM {_table(location)}").fetchone()
            (version,) = database.execute("PRAGMA user_version").fetchone()
            starts = range(1, last + 1, _ROWS)
            slices = tuple(_slice(database, location, order.time, number, first) for number, first in enumerate(starts))
        digest = hashlib.sha256("".join(one.handle["sha256"] for one in slices).encode()).hexdigest()
        file = SourceFile(path=order.pattern, size_bytes=0, sha256=digest, slices=slices)
        check_rows(order.pattern, [file])
        types = {name: str(kind) for name, kind in zip(schema.names, schema.types, strict=True)}
        return SourceTable(
            kind=SqliteSource.kind, root=str(order.root), files=(file,), schema=types, version=str(version)
        )

    @staticmethod
    def read_slice(order: SliceOrder) -> ReadResult:
        """See `Source`."""
        with closing(_open(order.path)) as database:
            schema = _schema(database, order.path)
            for name in order.columns:
                if name not in schema.names:
                    raise DataError(f"{order.path}: no column {name}; {suggest(name, tuple(schema.names))}")
            found = [_rows(database, order.path, handle["first"], handle["last"]) for handle in order.handles]
        for (_, digest, _), handle in zip(found, order.handles, strict=True):
            if digest != handle["sha256"]:
                raise IntegrityError(f"{order.path}: changed since it was planned", next_step="plan again")
        table = pa.Table.from_pylist([row for rows, *_ in found for row in rows], schema)
        timeless = 0
        if order.time:
            times: Any = table.column(order.time)
            table, timeless = table.filter(between(times, order.start, order.end)), times.null_count
        digest = hashlib.sha256("".join(digest for _, digest, _ in found).encode()).hexdigest()
        file = FileRead(
            path=order.path,
            size_bytes=0,
            row_groups=order.slices,
            bytes_read=sum(size for *_, size in found),
            sha256=digest,
            num_without_time=timeless,
        )
        return ReadResult(table=table.select(list(order.columns)), file=file)


def _open(location: str) -> sqlite3.Connection:
    path = location.rpartition("/")[0]
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        database.row_factory = sqlite3.Row
        return database
    except sqlite3.Error as error:
        raise DataError(f"{path}: cannot be opened: {error}") from error


def _table(location: str) -> str:
    name = location.rpartition("/")[2].replace('"', '""')
    return f'"{name}"'


def _schema(database: sqlite3.Connection, location: str) -> pa.Schema:
    columns = database.execute(f"PRAGMA table_info({_table(location)})").fetchall()
    if not columns:
        raise DataError(f"{location}: there is no such table")
    return pa.schema([(column["name"], _TYPES[column["type"].upper()]) for column in columns])


def _rows(database: sqlite3.Connection, location: str, first: int, last: int) -> tuple[list[dict[str, Any]], str, int]:
    """Rows, the digest of what is in them, and its size."""
    query = f"SELECT * FROM {_table(location)} WHERE rowid BETWEEN ? AND ? ORDER BY rowid"
    rows = [dict(row) for row in database.execute(query, (first, last))]
    content = repr(rows).encode()
    kinds = {field.name for field in _schema(database, location) if pa.types.is_timestamp(field.type)}
    for row in rows:
        row |= {name: datetime.fromisoformat(row[name]) for name in kinds if row[name] is not None}
    return rows, hashlib.sha256(content).hexdigest(), len(content)


def _slice(database: sqlite3.Connection, location: str, time: str, number: int, first: int) -> Slice:
    last = first + _ROWS - 1
    rows, digest, size = _rows(database, location, first, last)
    times = [row[time].replace(tzinfo=UTC) for row in rows if row[time] is not None] if time else []
    return Slice(
        number=number,
        num_rows=len(rows),
        num_bytes=size,
        time_min=min(times, default=None),
        time_max=max(times, default=None),
        handle=Settings({"first": first, "last": last, "sha256": digest}),
    )
