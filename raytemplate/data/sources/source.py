"""What a source is: it lists slices of rows without starting anything, and reads them on workers.

    list_source(ListOrder) -> SourceTable: its files, each with its slices
    -> compile takes those in the windows into the plan (`FileSlice`): planning counts rows, bytes and times
    -> SliceOrder, on a worker -> read_slice -> the rows, and the account of the bytes that they were made from

What a source must remember between the two it puts into handles: of a slice (where its bytes are), of a file, and of
all files (`reading` and `location`). They are JSON, stand in the plan as they are, and come back to the source
untouched; no other part of the program looks into them. So a source is one file in this folder and a line in
`plugins.py`. One without files, such as a database, declares no `endings`, takes `ListOrder.pattern` as it likes, and
names what it lists.
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
    """What shall be listed.

    Args:
        pattern: a path, folder or glob, relative to `root`; or a URI.
        time: the column of times, "" for none.
        settings: the source's own options, such as those of `data.csv`.
        types: column -> type that the template's contract promises ("number", "integer", "text", "boolean", "time").
        most_bytes: bytes of each text file that are looked at, about: enough to check a template by. None looks at all.
        written: columns that only name a row: they are given back as they are written, whatever they look like.
        cache: a folder where what was found may be kept for the next listing; None keeps nothing.
        storage: where the bucket of a URI is.
    """

    pattern: str
    root: Path
    time: str = ""
    settings: Settings = field(default_factory=Settings)
    types: Mapping[str, str] = field(default_factory=dict[str, str])
    most_bytes: int | None = None
    written: tuple[str, ...] = ()
    cache: Path | None = None
    storage: Storage = field(default_factory=Storage)


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceOrder:
    """Some slices of one file, and which of their columns and rows shall be read. Travels to workers.

    Args:
        source: the kind of the source, which knows what is in the four fields that follow.
        path: the file, as the record and messages will name it.
        slices: numbers of its slices.
        handles: of each of those, unless the number says it all.
        handle, reading, location: see `SourceFile` and `SourceTable`.
        sha256: what stood for the file's content when the read was planned; None accepts any.
        columns: columns of the result, in this order.
        time: rows are those with start <= time < end; "" for all rows.
    """

    source: str
    path: str
    slices: tuple[int, ...]
    handles: tuple[Settings, ...] = ()
    handle: Settings = field(default_factory=Settings)
    reading: Settings = field(default_factory=Settings)
    location: Settings = field(default_factory=Settings)
    sha256: str | None = None
    columns: tuple[str, ...]
    time: str = ""
    start: datetime = datetime.min
    end: datetime = datetime.max


def order_of(table: SourceTable, file: SourceFile, slices: Sequence[Slice], columns: Sequence[str]) -> SliceOrder:
    """Every row of these slices of a listed file."""
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
    )


def handles_of(slices: Sequence[Slice]) -> tuple[Settings, ...]:
    """The handles of slices; none where their numbers say it all."""
    return tuple(one.handle for one in slices) if any(one.handle for one in slices) else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadResult:
    """Rows of some slices of a file, and the record of what was read for them."""

    table: pa.Table
    file: FileRead


class Source(Protocol):
    """A plug-in of the group `raytemplate.sources`."""

    kind: str
    endings: tuple[str, ...]  # of its files, with the dot and in small letters; none where it has no files

    def list_source(self, order: ListOrder) -> SourceTable:
        """Every file of a source with its slices.

        Raises:
            DataError: no file, an unreadable one, schemas that differ, no usable time column, or no rows at all.
        """
        ...

    def read_slice(self, order: SliceOrder) -> ReadResult:
        """The rows that are asked for, and the digest of the very bytes they were made from.

        Raises:
            DataError: missing, cut off or damaged file; a column that is not there.
            IntegrityError: the file has changed since it was planned.
        """
        ...
