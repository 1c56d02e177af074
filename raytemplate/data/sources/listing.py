"""What is known of a source before a row is read: files, row groups, columns, times. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RowGroup:
    """One row group of a file, from the footer. Times are None where the footer has no statistics."""

    index: int
    num_rows: int
    time_min: datetime | None
    time_max: datetime | None
    column_bytes: Mapping[str, int]
    column_bytes_uncompressed: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """One file. `footer_sha256` stands for its content while planning: it has every column's counts and statistics."""

    path: str
    size_bytes: int
    footer_sha256: str
    row_groups: tuple[RowGroup, ...]

    @property
    def num_rows(self) -> int:
        """Rows of all row groups."""
        return sum(g.num_rows for g in self.row_groups)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTable:
    """All files of a source, sorted by path, with one schema: column name -> Arrow type as text."""

    kind: str
    root: str
    files: tuple[SourceFile, ...]
    schema: Mapping[str, str]

    @property
    def time_min(self) -> datetime | None:
        """Oldest time in the data."""
        return min((g.time_min for f in self.files for g in f.row_groups if g.time_min), default=None)

    @property
    def time_max(self) -> datetime | None:
        """Newest time in the data."""
        return max((g.time_max for f in self.files for g in f.row_groups if g.time_max), default=None)
