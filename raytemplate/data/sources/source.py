"""The interface of a source, which lists slices of rows without starting anything and reads them on workers.

    list_source(ListOrder) -> SourceTable: its files, each with its slices
    -> compile puts the slices in the windows into the plan (`FileSlice`): planning counts rows, bytes and times
    -> SliceOrder, on a worker -> read_slice -> the rows, and the record of the bytes that they were made from

What a source must remember between the two steps goes into handles: of a slice (where its bytes are), of a file, and of
all files (`reading` and `location`). Handles are JSON, are stored in the plan unchanged, and are opaque to the rest of
the program. So a source is one file in this folder and a line in `plugins.py`. A source without files, like a database,
declares no `endings`, is asked for as `KIND:PLACE`, gets the place as `ListOrder.pattern`, interprets it as
it likes, and chooses the names of what it lists. One that keeps versions says so with `has_versions = True`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.data.sources.locations import joined
from raytemplate.data.sources.storage import Storage
from raytemplate.records.codec import Settings
from raytemplate.records.ingested import FileRead


@dataclass(frozen=True, kw_only=True, slots=True)
class ListOrder:
    """What to list."""

    pattern: str
    """A path, folder or glob, relative to `root`; or a URI."""

    root: Path
    """Folder to which the pattern is relative."""

    time: str = ""
    """The column of times; "" for none."""

    settings: Settings = field(default_factory=Settings)
    """The source's own options, such as those of `data.csv`."""

    types: Mapping[str, str] = field(default_factory=dict[str, str])
    """Column -> type that the template's contract promises ("number", "integer", "text", "boolean", "time")."""

    most_bytes: int | None = None
    """About how many bytes of each text file to examine, if only enough to check a template; None examines all."""

    written: tuple[str, ...] = ()
    """Columns that only identify a row: they are returned as they are written, whatever they look like."""

    cache: Path | None = None
    """Folder in which results may be kept for the next listing; None keeps nothing."""

    storage: Storage = field(default_factory=Storage)
    """Where the bucket of a URI is."""

    masked: tuple[str, ...] = ()
    """Columns whose values no error may quote."""

    found: tuple[str, ...] = ()
    """The files of the pattern, if they have been looked for already."""

    version: str = ""
    """Version asked for of a source that keeps several: a number, a date or time, or "latest"; "" means latest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceOrder:
    """Some slices of one file, and which of their columns and rows to read. Travels to workers."""

    source: str
    """Name of the source plug-in, which understands the handles below."""

    path: str
    """The file, as the record and messages name it."""

    slices: tuple[int, ...]
    """Numbers of its slices."""

    handles: tuple[Settings, ...] = ()
    """The handle of each slice; empty if the source needs only their numbers."""

    handle: Settings = field(default_factory=Settings)
    """See `SourceFile.handle`."""

    reading: Settings = field(default_factory=Settings)
    """See `SourceTable.reading`."""

    location: Settings = field(default_factory=Settings)
    """See `SourceTable.location`."""

    sha256: str | None = None
    """Digest that identified the file's content when the read was planned; None accepts any content."""

    columns: tuple[str, ...]
    """Columns of the result, in this order."""

    time: str = ""
    """Column by which rows are selected; "" for all rows."""

    start: datetime = datetime.min
    """Least time to read."""

    end: datetime = datetime.max
    """First time after those to read."""

    masked: tuple[str, ...] = ()
    """Columns whose values no error may quote."""


def order_of(
    table: SourceTable,
    file: SourceFile,
    slices: Sequence[Slice],
    columns: Sequence[str],
    masked: tuple[str, ...] = (),
) -> SliceOrder:
    """An order for every row of these slices of a listed file."""
    return SliceOrder(
        source=table.kind,
        path=joined(table.root, file.path),
        slices=tuple(one.number for one in slices),
        handles=handles_of(slices),
        handle=file.handle,
        reading=table.reading,
        location=table.location,
        sha256=file.sha256,
        columns=tuple(columns),
        masked=masked,
    )


def handles_of(slices: Sequence[Slice]) -> tuple[Settings, ...]:
    """The handles of slices; () if all are empty."""
    return tuple(one.handle for one in slices) if any(one.handle for one in slices) else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadResult:
    """Rows of some slices of a file."""

    table: pa.Table
    """The rows."""

    file: FileRead
    """The record of the bytes that were read for them."""


class Source(Protocol):
    """A plug-in of the group `raytemplate.sources`."""

    kind: str
    """Name of the source."""

    endings: tuple[str, ...]
    """Endings of its files, with the dot and in lower case; empty for a source without files."""

    def list_source(self, order: ListOrder) -> SourceTable:
        """Every file of a source with its slices.

        Raises:
            DataError: there is no file, a file is unreadable, schemas differ, there is no usable time column, or no
                row.
        """
        ...

    def read_slice(self, order: SliceOrder) -> ReadResult:
        """The rows asked for, and the digest of exactly the bytes they were made from.

        A source whose slices may be larger than memory also has `read_parts`, a generator of the same rows in parts,
        each with the record of what was read up to then.

        Raises:
            DataError: the file is missing, cut off or damaged, or a column does not exist.
            IntegrityError: the file has changed since it was planned.
        """
        ...
