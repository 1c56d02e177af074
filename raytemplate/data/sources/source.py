"""What a source is: it lists files without starting anything, and reads slices of them on workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from raytemplate.data.sources.listing import ByteRange, SourceTable
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
    """What shall be read of one file, and which rows of it. Travels to workers.

    Args:
        path: the file, as the record will name it; relative to `root`.
        ranges: the bytes of each of `row_groups`, for text files.
        columns: columns of the result, in this order.
        time: rows are those with start <= time < end; "" for all rows.
        footer_sha256: the file's digest when the read was planned; None accepts any.
        file_columns: names in the order of the file, where that is not the order of the schema.
        reading, storage: see `SourceTable`.
    """

    path: str
    row_groups: tuple[int, ...]
    columns: tuple[str, ...]
    time: str = ""
    start: datetime
    end: datetime
    ranges: tuple[ByteRange, ...] = ()
    footer_sha256: str | None = None
    file_columns: tuple[str, ...] = ()
    reading: Settings = field(default_factory=Settings)
    root: str = ""
    storage: Storage = field(default_factory=Storage)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadResult:
    """Rows of one slice of a file, and the record of what was read for them."""

    table: pa.Table
    file: FileRead


class Source(Protocol):
    """A plug-in of the group `raytemplate.sources`."""

    kind: str
    endings: tuple[str, ...]

    def list_source(self, order: ListOrder) -> SourceTable:
        """Every file of a source with its row groups.

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
