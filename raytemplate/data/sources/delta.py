"""Delta Lake tables: the log of the table gives the files of one version, which are then read like any Parquet files.

Only the log is left to the package `deltalake`. Values of partitions, and columns that a file lacks because they were
added later, are constants of that file.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa

from raytemplate.data.sources import chunks
from raytemplate.data.sources.agreement import check_rows, check_time
from raytemplate.data.sources.arrow_types import arrow_type
from raytemplate.data.sources.delta_log import DeltaFile, DeltaLog, TableVersion, exists, open_version
from raytemplate.data.sources.footer import arrow_schema
from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.data.sources.locations import named
from raytemplate.data.sources.parquet import READERS, footer_of, slices_of
from raytemplate.data.sources.source import ListOrder, ReadResult, SliceOrder
from raytemplate.data.sources.storage import Storage
from raytemplate.data.times import between
from raytemplate.errors import DataError, IntegrityError
from raytemplate.records.codec import Settings

_CONSTANTS, _CASTS = "constants", "casts"
"""Keys of a file's handle: column -> (value as text, type), and column -> type if it is stored with another one."""


class DeltaSource:
    """The source `delta`: lists the files of one version of a table and reads their slices."""

    kind = "delta"
    endings: tuple[str, ...] = ()
    has_versions = True

    @staticmethod
    def list_source(order: ListOrder) -> SourceTable:
        """See `Source`.

        Raises:
            FieldError: `data.version` names a version that never was.
            IntegrityError: the version is gone; names those that there are.
        """
        log, found = open_version(order)
        if order.time:
            check_time(found.location, found.schema, order.time)
        listed = found.files[:1] if order.most_bytes is not None else found.files
        with ThreadPoolExecutor(READERS) as pool:
            read = list(pool.map(partial(_source_file, log, found, order), listed))
        check_rows(f"{order.pattern}, version {found.number}", read)
        return SourceTable(
            kind=DeltaSource.kind,
            root=str(order.root),
            files=tuple(read),
            schema={field.name: str(field.type) for field in found.schema},
            version=str(found.number),
            location=Settings.of(order.storage),
            partitions=Settings({name: str(found.schema.field(name).type) for name in found.partitions}),
        )

    @staticmethod
    def read_slice(order: SliceOrder) -> ReadResult:
        """See `Source`.

        Raises:
            IntegrityError: the file has changed, or was removed with its version.
        """
        constants: Mapping[str, Any] = order.handle.get(_CONSTANTS, {})
        wanted = tuple(dict.fromkeys((*order.columns, order.time) if order.time else order.columns))
        try:
            stored = tuple(name for name in wanted if name not in constants)
            result = chunks.read_slice(replace(order, columns=stored, time=""))
        except DataError:
            if not exists(order.path, order.location.to(Storage)):
                what = f"{order.path}: removed since the run was planned: this version of the table is gone"
                raise IntegrityError(what, next_step="plan again") from None
            raise
        table: Any = _as_in_table(result.table, constants, order.handle.get(_CASTS, {}), order.path)
        timeless = 0
        if order.time:
            times = table.column(order.time)
            table, timeless = table.filter(between(times, order.start, order.end)), times.null_count
        file = replace(result.file, num_without_time=timeless)
        return ReadResult(table=table.select(list(order.columns)), file=file)


def _source_file(log: DeltaLog, found: TableVersion, order: ListOrder, file: DeltaFile) -> SourceFile:
    try:
        footer = footer_of(file.path, order.storage)
    except DataError:
        if not exists(file.path, order.storage):
            log.refuse_gone(f"version {found.number}", f"its file {named(file.path, order.root)} was removed")
        raise
    inside: Any = arrow_schema(footer, file.path)
    absent = [field for field in found.schema if field.name in file.partition or field.name not in inside.names]
    constants = {field.name: [file.partition.get(field.name), str(field.type)] for field in absent}
    casts = {
        field.name: str(field.type)
        for field in found.schema
        if field.name not in constants and str(inside.field(field.name).type) != str(field.type)
    }
    timed = order.time if order.time not in constants else ""
    kind = inside.field(timed).type if timed else None
    slices = slices_of(footer, timed, kind, frozenset(inside.names), file.path)
    if order.time:
        slices = tuple(_with_times(one, file, constants.get(order.time)) for one in slices)
    return SourceFile(
        path=named(file.path, order.root),
        size_bytes=footer.size_bytes,
        sha256=footer.sha256,
        slices=slices,
        handle=Settings({name: held for name, held in ((_CONSTANTS, constants), (_CASTS, casts)) if held}),
    )


def _with_times(one: Slice, file: DeltaFile, constant: list[str | None] | None) -> Slice:
    """A slice with the times of its rows: of its partition, of its row group, or else of the whole file by the log."""
    if constant is not None:
        moment = _moment(constant[0])
        return replace(one, time_min=moment, time_max=moment)
    if one.time_min is None:
        return replace(one, time_min=file.time_min, time_max=file.time_max)
    return one


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _as_in_table(table: Any, constants: Mapping[str, Any], casts: Mapping[str, str], path: str) -> Any:
    """The rows of one file with the columns and types of the table."""
    for name, kind in casts.items():
        index = table.schema.get_field_index(name)
        if index >= 0:
            try:
                # Times are cut to microseconds, which is what the table promises; nothing else may lose anything.
                safe = not kind.startswith("timestamp")
                table = table.set_column(index, name, table.column(index).cast(arrow_type(kind), safe=safe))
            except pa.ArrowException as error:
                words = f"column {name} is {table.schema.field(index).type}, which does not fit the table's {kind}"
                raise DataError(f"{path}: {words}") from error
    for name, (text, named_type) in constants.items():
        kind = arrow_type(named_type)
        value = pa.array([text], pa.string()).cast(kind) if text is not None else pa.nulls(1, kind)
        table = table.append_column(name, pa.repeat(value[0], table.num_rows))
    return table
