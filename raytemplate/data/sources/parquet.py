"""Parquet files on this machine: listing them by their footers, and writing them so that damage is found."""

from __future__ import annotations

import difflib
import errno
import glob
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from raytemplate.data.sources.chunks import ReadResult, read_slice
from raytemplate.data.sources.footer import Footer, arrow_schema, column_of, open_file, read_footer
from raytemplate.data.sources.listing import RowGroup, SourceFile, SourceTable
from raytemplate.data.times import is_time, to_moment
from raytemplate.errors import DataError, Unavailable, UsageError
from raytemplate.plugins import suggest

ROWS_PER_GROUP = 32_768
_READERS = 8


class ParquetSource:
    """The source `parquet`: what it lists and how a slice of it is read."""

    kind = "parquet"

    @staticmethod
    def list_source(pattern: str, root: Path, time: str) -> SourceTable:
        """See `list_source`."""
        return list_source(pattern, root, time)

    @staticmethod
    def read_slice(
        path: str, row_groups: tuple[int, ...], columns: tuple[str, ...], *, time: str, start: datetime, end: datetime,
        root: str = "", footer_sha256: str | None = None,
    ) -> ReadResult:  # fmt: skip
        """See `chunks.read_slice`."""
        return read_slice(
            path, row_groups, columns, time=time, start=start, end=end, root=root, footer_sha256=footer_sha256
        )


def list_source(pattern: str, root: Path, time: str) -> SourceTable:
    """Every file of a path, folder or glob, from the footers alone: no row is read.

    Paths in the result are relative to `root` where they lie below it.

    Raises:
        DataError: no file, an unreadable file, schemas that differ, no usable `time` column, or no rows at all.
    """
    root = Path(os.path.abspath(root))
    paths = find_files(pattern, root)
    with ThreadPoolExecutor(_READERS) as pool:
        footers = list(pool.map(_footer, paths))
    schemas = [arrow_schema(footer, path) for footer, path in zip(footers, paths, strict=True)]
    first = {field.name: str(field.type) for field in schemas[0]}
    for path, schema in zip(paths[1:], schemas[1:], strict=True):
        _check_same_schema(path, {field.name: str(field.type) for field in schema}, paths[0], first)
    _check_time(paths[0], schemas[0], time)
    kind = schemas[0].field(time).type
    files = tuple(_source_file(p, root, f, time, kind, frozenset(first)) for p, f in zip(paths, footers, strict=True))
    if not any(file.num_rows for file in files):
        raise DataError(f"{pattern}: {len(files)} file{'s' if len(files) != 1 else ''} below {root}, but not one row")
    return SourceTable(kind="parquet", root=str(root), files=files, schema=first)


def find_files(pattern: str, root: Path) -> tuple[Path, ...]:
    """The files of a path, folder (everything `*.parquet` below it) or glob, sorted.

    Raises:
        DataError: there are none; the message says what was looked for and what is near.
    """
    place = Path(os.path.normpath(root / pattern))
    if place.is_file():
        return (place,)
    if place.is_dir():
        found = glob.glob("**/*.parquet", root_dir=place, recursive=True)
        paths = {place / name for name in found}
    else:
        paths = {Path(os.path.normpath(root / name)) for name in glob.glob(pattern, root_dir=root, recursive=True)}
    files = tuple(sorted(path for path in paths if path.is_file()))
    if not files:
        raise DataError(_nothing_found(pattern, place), next_step="set data.source to the files to read")
    return files


def _nothing_found(pattern: str, place: Path) -> str:
    if place.is_dir():
        return f"{pattern}: no *.parquet file in the folder {place}"
    folder = next(parent for parent in place.parents if parent.is_dir() and not glob.has_magic(str(parent)))
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    near = difflib.get_close_matches(place.name, names, n=3, cutoff=0.5) or names[:3]
    there = f"in {folder} there is {', '.join(near)}" if near else f"the folder {folder} is empty"
    return f"{pattern}: no file matches; looked for {place}; {there}"


def _footer(path: Path) -> Footer:
    with open_file(path) as file:
        return read_footer(file, path)


def _check_same_schema(path: Path, found: Mapping[str, str], first_path: Path, first: Mapping[str, str]) -> None:
    faults = [f"column {n} is missing" for n in first if n not in found]
    faults += [f"column {n} is extra" for n in found if n not in first]
    faults += [f"column {n} is {found[n]}, not {first[n]}" for n in first if n in found and found[n] != first[n]]
    if faults:
        raise DataError(
            f"{path}: its schema differs from {first_path.name}: {'; '.join(faults[:5])}"
            + (f"; and {len(faults) - 5} more" if len(faults) > 5 else "")
            + "; give all files one schema"
        )


def _check_time(path: Path, schema: Any, time: str) -> None:
    if time not in schema.names:
        raise DataError(f"{path}: no column {time} (data.time); {suggest(time, tuple(schema.names))}")
    kind = schema.field(time).type
    if not is_time(kind):
        raise DataError(f"{path}: column {time} (data.time) is {kind}, expected a timestamp or a date")


def _source_file(path: Path, root: Path, footer: Footer, time: str, kind: Any, names: frozenset[str]) -> SourceFile:
    groups = tuple(_row_group(footer, i, time, kind, names) for i in range(footer.metadata.num_row_groups))
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    return SourceFile(path=name, size_bytes=footer.size_bytes, footer_sha256=footer.sha256, row_groups=groups)


def _row_group(footer: Footer, index: int, time: str, kind: Any, names: frozenset[str]) -> RowGroup:
    group = footer.metadata.row_group(index)
    stored, plain = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    low = high = None
    for i in range(group.num_columns):
        chunk = group.column(i)
        name = column_of(chunk.path_in_schema, names)
        stored[name] += chunk.total_compressed_size
        plain[name] += chunk.total_uncompressed_size
        if name == time and (found := chunk.statistics) is not None and found.has_min_max:
            low, high = to_moment(found.min_raw, kind), to_moment(found.max_raw, kind)
    return RowGroup(
        index=index, num_rows=group.num_rows, time_min=low, time_max=high,
        column_bytes=stored, column_bytes_uncompressed=plain,
    )  # fmt: skip


def write_table(table: pa.Table, path: Path, *, time: str) -> None:
    """One Parquet file, sorted by `time`, complete or absent: page checksums, zstd, statistics, 32,768 rows a group.

    Raises:
        UsageError: the folder cannot be written.
        Unavailable: the disk is full.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            pq.write_table(
                table.sort_by([(time, "ascending")]), file, compression="zstd", write_page_checksum=True,
                write_statistics=True, row_group_size=ROWS_PER_GROUP,
            )  # fmt: skip
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        kind = Unavailable if error.errno == errno.ENOSPC else UsageError
        raise kind(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
