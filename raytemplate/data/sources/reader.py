"""Entry points to any source: finding its format, listing its files, and reading slices with the path's columns."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from raytemplate import plugins
from raytemplate.data.sources.folders import Found
from raytemplate.data.sources.listing import SourceTable
from raytemplate.data.sources.locations import find, named
from raytemplate.data.sources.naming import name_of, split_source
from raytemplate.data.sources.partitions import BY_PATH, append_partitions, partition_types, with_partitions
from raytemplate.data.sources.source import ListOrder, ReadResult, SliceOrder, Source
from raytemplate.data.times import between
from raytemplate.errors import DataError


def source_of(name: str) -> Source:
    """The source plug-in of that name."""
    return plugins.load(plugins.SOURCES, name)


def list_files(format_: str, order: ListOrder) -> SourceTable:
    """Every file of a source, with the columns that come from their paths.

    Args:
        format_: a source's name, or "auto" for the source that the files' endings belong to.

    Raises:
        DataError: see `Source.list_source`; or the endings belong to several formats, or to none.
    """
    kind, place = split_source(order.pattern)
    root = Path(os.path.abspath(order.root))  # a plan is read in other folders than that in which it was made
    format_, order = kind or format_, replace(order, root=root, pattern=place if kind else order.pattern)
    source, found = find_source(format_, order)
    time = order.time
    kinds = partition_types([named(path, root) for path in found.files], order.types, order.written)
    order = replace(order, time="" if order.time in kinds else order.time, found=found.files)
    table = source.list_source(order)
    table = replace(table, left_out=found.left_out, name=table.name or name_of(order.pattern))
    return with_partitions(table, kinds, time, order.types) if kinds else table


def find_source(format_: str, order: ListOrder) -> tuple[Source, Found]:
    """The source that reads the files of an order, and the files (none for a source without files).

    Raises:
        DataError: there is no file, or the endings belong to several formats, or to none.
    """
    kind, _ = split_source(order.pattern)
    if kind or format_ != "auto":
        source = source_of(kind or format_)
        if not source.endings:
            return source, Found(files=())
        return source, find(order.pattern, order.root, source.endings, order.storage)
    sources: list[Source] = list(plugins.every(plugins.SOURCES).values())
    endings = tuple(ending for source in sources for ending in source.endings)
    found = find(order.pattern, order.root, endings, order.storage)
    paths = found.files
    # If several sources read an ending, a built-in one wins over those of other packages.
    used = {path: source for source in reversed(sources) for path in paths if path.lower().endswith(source.endings)}
    unknown = next((path for path in paths if path not in used), None)
    if unknown is not None:
        raise DataError(
            f"{unknown}: its ending belongs to no format; known are {', '.join(endings)}",
            next_step=f"set data.format: {', '.join(source.kind for source in sources if source.endings)}",
        )
    kinds = sorted({source.kind for source in used.values()})
    if len(kinds) > 1:
        raise DataError(
            f"{order.pattern}: files of several formats: {', '.join(kinds)}; one source has one format",
            next_step="set data.source to a pattern such as data/*.csv",
        )
    return used[paths[0]], found


def comes_in_parts(source: str) -> bool:
    """Whether a source gives its rows in parts."""
    return hasattr(source_of(source), "read_parts")


def read_parts(order: SliceOrder) -> Iterator[ReadResult]:
    """The rows of `read_slices` in parts, from a source that has `read_parts`; else all at once."""
    parts = getattr(source_of(order.source), "read_parts", None)
    if parts is None:
        yield read_slices(order)
    else:
        yield from parts(order)


def read_slices(order: SliceOrder) -> ReadResult:
    """The rows of one file, as `Source.read_slice` gives them, with the columns that come from its path."""
    by_path = order.handle.get(BY_PATH, {})
    inside = tuple(column for column in order.columns if column not in by_path)
    time = "" if order.time in by_path else order.time
    result = source_of(order.source).read_slice(replace(order, columns=inside, time=time))
    table: pa.Table = append_partitions(result.table, by_path)
    if order.time in by_path:
        table = table.filter(between(table.column(order.time), order.start, order.end))
    return replace(result, table=table.select(list(order.columns)))
