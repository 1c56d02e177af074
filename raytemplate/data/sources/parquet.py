"""Parquet files: listed by their footers, and written so that damage can be detected."""

import errno
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from raytemplate.data.sources.agreement import check_rows, check_same_schema, check_time
from raytemplate.data.sources.chunks import YEARS, read_slice
from raytemplate.data.sources.footer import Footer, arrow_schema, column_of, read_footer
from raytemplate.data.sources.kept_footers import WORTH_KEEPING, FileListed, KeptFooters, Schema
from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.data.sources.locations import HERE, find_files, is_uri, named, open_file
from raytemplate.data.sources.source import ListOrder
from raytemplate.data.sources.stamps import stamps_of
from raytemplate.data.sources.storage import Storage
from raytemplate.data.times import to_moment
from raytemplate.errors import DataError, Unavailable, UsageError
from raytemplate.records.codec import Settings
from raytemplate.store.atomic import temporary_beside

ROWS_PER_GROUP = 32_768
READERS = 8
"""Footers that are read at once."""
_NO_SCHEMAS: Mapping[str, Schema] = {}


class ParquetSource:
    """The source `parquet`: lists files and reads their slices."""

    kind = "parquet"
    endings: tuple[str, ...] = (".parquet",)

    @staticmethod
    def list_source(order: ListOrder) -> SourceTable:
        """See `list_source`."""
        years, root = _maybe_years(order), order.root
        return list_source(order.pattern, root, order.time, order.storage, years, order.cache, order.found)

    read_slice = staticmethod(read_slice)


def _maybe_years(order: ListOrder) -> frozenset[str]:
    """The columns of times whose whole numbers are years, as `data.csv.dates` with `%Y` says."""
    promised = frozenset(name for name, kind in order.types.items() if kind == "time")
    return promised | {order.time} if "%Y" in order.settings.get("dates", ()) else frozenset()


def list_source(
    pattern: str,
    root: Path,
    time: str,
    storage: Storage = HERE,
    maybe_years: frozenset[str] = frozenset(),
    cache: Path | None = None,
    found: tuple[str, ...] = (),
) -> SourceTable:
    """Every file of a path, folder or glob, from the footers alone: no row is read.

    Paths in the result are relative to `root` if they are below it.

    Args:
        maybe_years: columns in which whole numbers are years.
        cache: folder in which what the footers of many files say may be kept.
        found: the files, if they have been looked for already.

    Raises:
        DataError: there is no file, a file is unreadable, schemas differ, there is no usable `time` column, or no row.
    """
    root = Path(os.path.abspath(root))
    paths = found or find_files(pattern, root, ParquetSource.endings, storage)
    footer = footer_of(paths[0], storage)
    first = arrow_schema(footer, paths[0])
    types = _types(first)
    years = tuple(name for name in types if name in maybe_years and types[name].startswith(("int", "uint")))
    asked = _Asked(storage=storage, time=time, time_is_year=time in years, first=first, path=paths[0], footer=footer)
    if cache is not None and len(paths) >= WORTH_KEEPING and not is_uri(paths[0]):
        kept = KeptFooters.at(cache, [pattern, str(root), time, *types.items()])
        listed = _with_kept(paths, root, asked, kept)
    else:
        listed = _read(paths, asked)
    files = tuple(
        SourceFile(path=named(path, root), size_bytes=one.size_bytes, sha256=one.sha256, slices=one.slices)
        for path, one in listed.items()
    )
    check_rows(pattern, files)
    return SourceTable(
        kind="parquet",
        root=str(root),
        files=files,
        schema={**types, **dict.fromkeys(years, "timestamp[us]")},
        location=Settings.of(storage),
        reading=Settings({YEARS: years} if years else {}),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """How footers are read, and the first file, whose schema all files must have."""

    storage: Storage
    time: str
    time_is_year: bool
    path: str
    footer: Footer
    first: Any
    """Its Arrow schema."""


def _with_kept(paths: Sequence[str], root: Path, asked: _Asked, kept: KeptFooters) -> dict[str, FileListed]:
    """What the footers say; only those of files that have changed are read."""
    stamps = stamps_of(paths, str(root))
    known = kept.read(stamps.of)
    fresh = [path for path in paths if path not in known]
    found = known | _read(fresh, asked, {path: one.schema for path, one in known.items()})
    if fresh and stamps.is_settled and stamps_of(fresh, str(root)).of.items() <= stamps.of.items():
        kept.keep(found, stamps.of)
    return {path: found[path] for path in paths}


def _read(paths: Sequence[str], asked: _Asked, known: Mapping[str, Schema] = _NO_SCHEMAS) -> dict[str, FileListed]:
    """What the footers of files say.

    Args:
        known: schemas of files whose footers need not be read; all schemas must be the same.
    """
    with ThreadPoolExecutor(READERS) as pool:
        others = [path for path in paths if path != asked.path]
        footers = dict(zip(others, pool.map(partial(footer_of, storage=asked.storage), others), strict=True))
    if asked.path in paths:
        footers[asked.path] = asked.footer
    schemas = {path: tuple(_types(arrow_schema(footer, path)).items()) for path, footer in footers.items()}
    types = _types(asked.first)
    seen = {tuple(types.items())}
    for path, schema in sorted({**known, **schemas}.items()):
        if schema not in seen:
            check_same_schema(path, dict(schema), asked.path, types)
            seen.add(schema)
    if asked.time and not asked.time_is_year:
        check_time(asked.path, asked.first, asked.time)
    kind = asked.first.field(asked.time).type if asked.time else None
    return {
        path: FileListed(
            schema=schemas[path],
            size_bytes=footers[path].size_bytes,
            sha256=footers[path].sha256,
            slices=slices_of(footers[path], asked.time, kind, frozenset(types), path),
        )
        for path in paths
    }


def _types(schema: Any) -> dict[str, str]:
    return {field.name: str(field.type) for field in schema}


def footer_of(path: str, storage: Storage) -> Footer:
    """The footer of a file, which may be in a bucket.

    Raises:
        DataError: the file is missing, not Parquet or cut off.
    """
    with open_file(path, storage) as file:
        return read_footer(file, path)


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
