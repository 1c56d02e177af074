"""Parquet files: listed by their footers, and written so that damage can be detected."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from raytemplate.data.sources.agreement import check_rows, check_same_schema, check_time
from raytemplate.data.sources.chunks import YEARS, read_slice
from raytemplate.data.sources.footer import Footer, arrow_schema, column_of, read_footer
from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.data.sources.locations import HERE, find_files, named, open_file
from raytemplate.data.sources.source import ListOrder
from raytemplate.data.sources.storage import Storage
from raytemplate.data.times import to_moment
from raytemplate.errors import DataError, Unavailable, UsageError
from raytemplate.records.codec import Settings
from raytemplate.store.atomic import temporary_beside

ROWS_PER_GROUP = 32_768
READERS = 8
"""Footers that are read at once."""


class ParquetSource:
    """The source `parquet`: lists files and reads their slices."""

    kind = "parquet"
    endings: tuple[str, ...] = (".parquet",)

    @staticmethod
    def list_source(order: ListOrder) -> SourceTable:
        """See `list_source`."""
        return list_source(order.pattern, order.root, order.time, order.storage, _maybe_years(order))

    read_slice = staticmethod(read_slice)


def _maybe_years(order: ListOrder) -> frozenset[str]:
    """The columns of times whose whole numbers are years, as `data.csv.dates` with `%Y` says."""
    promised = frozenset(name for name, kind in order.types.items() if kind == "time")
    return promised | {order.time} if "%Y" in order.settings.get("dates", ()) else frozenset()


def list_source(
    pattern: str, root: Path, time: str, storage: Storage = HERE, maybe_years: frozenset[str] = frozenset()
) -> SourceTable:
    """Every file of a path, folder or glob, from the footers alone: no row is read.

    Paths in the result are relative to `root` if they are below it.

    Args:
        maybe_years: columns in which whole numbers are years.

    Raises:
        DataError: there is no file, a file is unreadable, schemas differ, there is no usable `time` column, or no row.
    """
    root = Path(os.path.abspath(root))
    paths = find_files(pattern, root, ParquetSource.endings, storage)
    with ThreadPoolExecutor(READERS) as pool:
        footers = list(pool.map(partial(footer_of, storage=storage), paths))
    schemas = [arrow_schema(footer, path) for footer, path in zip(footers, paths, strict=True)]
    first = {field.name: str(field.type) for field in schemas[0]}
    for path, schema in zip(paths[1:], schemas[1:], strict=True):
        check_same_schema(path, {field.name: str(field.type) for field in schema}, paths[0], first)
    years = tuple(name for name in first if name in maybe_years and first[name].startswith(("int", "uint")))
    if time and time not in years:
        check_time(paths[0], schemas[0], time)
    kind = schemas[0].field(time).type if time else None
    files = tuple(_source_file(p, root, f, time, kind, frozenset(first)) for p, f in zip(paths, footers, strict=True))
    check_rows(pattern, files)
    return SourceTable(
        kind="parquet",
        root=str(root),
        files=files,
        schema={**first, **dict.fromkeys(years, "timestamp[us]")},
        location=Settings.of(storage),
        reading=Settings({YEARS: years} if years else {}),
    )


def footer_of(path: str, storage: Storage) -> Footer:
    """The footer of a file, which may be in a bucket.

    Raises:
        DataError: the file is missing, not Parquet or cut off.
    """
    with open_file(path, storage) as file:
        return read_footer(file, path)


def _source_file(path: str, root: Path, footer: Footer, time: str, kind: Any, names: frozenset[str]) -> SourceFile:
    return SourceFile(
        path=named(path, root),
        size_bytes=footer.size_bytes,
        sha256=footer.sha256,
        slices=slices_of(footer, time, kind, names, path),
    )


def slices_of(footer: Footer, time: str, kind: Any, names: frozenset[str], path: str) -> tuple[Slice, ...]:
    """The row groups of a file.

    Args:
        time: the column of times; "" for none.
        kind: its Arrow type in this file.
        names: the columns of the file.

    Raises:
        DataError: a time is outside the years that can be used.
    """
    return tuple(_slice(footer, i, time, kind, names, path) for i in range(footer.metadata.num_row_groups))


def _slice(footer: Footer, index: int, time: str, kind: Any, names: frozenset[str], path: str) -> Slice:
    group = footer.metadata.row_group(index)
    stored = dict.fromkeys(names, 0)
    low = high = None
    for i in range(group.num_columns):
        chunk = group.column(i)
        name = column_of(chunk.path_in_schema, names)
        stored[name] += chunk.total_compressed_size
        if name == time and (found := chunk.statistics) is not None and found.has_min_max:
            low, high = _range(found, kind, path)
    return Slice(number=index, num_rows=group.num_rows, time_min=low, time_max=high, column_bytes=stored)


def _range(found: Any, kind: Any, path: str) -> tuple[datetime, datetime]:
    if pa.types.is_integer(kind):
        if not 1000 <= found.min_raw <= found.max_raw <= 9999:
            raise DataError(f"{path}: times from {found.min_raw} to {found.max_raw}, expected years such as 2024")
        return datetime(found.min_raw, 1, 1, tzinfo=UTC), datetime(found.max_raw, 1, 1, tzinfo=UTC)
    try:
        return to_moment(found.min_raw, kind), to_moment(found.max_raw, kind)
    except DataError as error:
        raise DataError(f"{path}: {error.what}", next_step="write it again without such times") from error


def write_table(table: pa.Table, path: Path, *, time: str) -> None:
    """Writes one Parquet file, sorted by `time`, completely or not at all: page checksums, zstd, statistics, 32,768
    rows a group.

    Raises:
        UsageError: the folder cannot be written.
        Unavailable: the disk is full.
    """
    beside = temporary_beside(path)
    try:
        with beside.open("wb") as file:
            pq.write_table(
                table.sort_by([(time, "ascending")]),
                file,
                compression="zstd",
                write_page_checksum=True,
                write_statistics=True,
                row_group_size=ROWS_PER_GROUP,
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        kind = Unavailable if error.errno == errno.ENOSPC else UsageError
        raise kind(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
