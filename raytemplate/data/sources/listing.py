"""What is known of a source before a row is read: files, row groups, columns, times. Plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, datetime, timedelta

from raytemplate.data.sources.folders import LeftOut
from raytemplate.data.sources.storage import Storage
from raytemplate.records.codec import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class ByteRange:
    """Whole records of a text file: where they are, the line they start on (from 1), and the digest of their bytes."""

    offset: int
    num_bytes: int
    line: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeBin:
    """Rows of a day, month or year (UTC). `name` is such as 2013-01-31, 2013-01 or 2013; `end` is excluded."""

    name: str
    num_rows: int

    @property
    def is_day(self) -> bool:
        """Whether it is no longer than a day."""
        return len(self.name) == len("2013-01-31")

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime.fromisoformat(self.name + "-01-01"[len(self.name) - 4 :]).replace(tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it; the last one there is where that would be the year 10000."""
        start, length = self.start, {10: 1, 7: 31, 4: 366}[len(self.name)]
        if start.year == MAXYEAR and (len(self.name) == 4 or (start.month == 12 and start.day + length > 31)):
            return datetime.max.replace(tzinfo=UTC)
        after = start + timedelta(days=length)
        return after if self.is_day else after.replace(day=1, month=after.month if len(self.name) == 7 else 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class RowGroup:
    """Rows that are read together: a row group of a Parquet file, or a range of bytes of a text file.

    Times are None where nothing is known of them. `time_rows` are rows by day (of months or years, where there are very
    many), where they were counted; without them only the oldest and the newest time are known. `range` is None in
    Parquet files, whose columns are read alone.
    """

    index: int
    num_rows: int
    time_min: datetime | None
    time_max: datetime | None
    column_bytes: Mapping[str, int]
    column_bytes_uncompressed: Mapping[str, int]
    range: ByteRange | None = None
    time_rows: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def bins(self) -> tuple[TimeBin, ...]:
        """What was counted by time, oldest first."""
        return tuple(TimeBin(name=name, num_rows=rows) for name, rows in sorted(self.time_rows.items()))

    def bytes_of(self, columns: Iterable[str]) -> int:
        """Bytes that must be read for these columns; a column of the path (a partition) costs nothing."""
        if self.range is not None:
            return self.range.num_bytes
        return sum(self.column_bytes.get(column, 0) for column in columns)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """One file.

    Args:
        footer_sha256: stands for its content while planning. Parquet: of the footer, which has every column's counts
            and statistics; text: of the digests of its ranges.
        columns: names in the order of the file, where that is not the order of the source's schema (text).
        partitions: values that the path gives, `{"year": 2013}` from `year=2013/`.
        is_whole: whether all of it was looked at; types of columns may be others further on.
    """

    path: str
    size_bytes: int
    footer_sha256: str
    row_groups: tuple[RowGroup, ...]
    columns: tuple[str, ...] = ()
    partitions: Settings = field(default_factory=Settings)
    is_whole: bool = True

    @property
    def num_rows(self) -> int:
        """Rows of all row groups."""
        return sum(g.num_rows for g in self.row_groups)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTable:
    """All files of a source, sorted by path, with one schema: column name -> Arrow type as text.

    `left_out` lies beside them and is not read.
    `reading` is what its reader must know besides (how a CSV file is written), the same for every file, and
    `storage` where the bucket is that they are in.
    """

    kind: str
    root: str
    files: tuple[SourceFile, ...]
    schema: Mapping[str, str]
    reading: Settings = field(default_factory=Settings)
    storage: Storage = field(default_factory=Storage)
    left_out: tuple[LeftOut, ...] = ()

    @property
    def partitions(self) -> Settings:
        """Columns that the paths give, with their Arrow types."""
        return Settings({name: self.schema[name] for name in self.files[0].partitions})

    @property
    def newest_file(self) -> str:
        """The file with the newest time; "" if no times are known."""
        newest = [(g.time_max, f.path) for f in self.files for g in f.row_groups if g.time_max]
        return max(newest)[1] if newest else ""

    @property
    def oldest_file(self) -> str:
        """The file with the oldest time; "" if no times are known."""
        oldest = [(g.time_min, f.path) for f in self.files for g in f.row_groups if g.time_min]
        return min(oldest)[1] if oldest else ""

    @property
    def time_min(self) -> datetime | None:
        """Oldest time in the data."""
        return min((g.time_min for f in self.files for g in f.row_groups if g.time_min), default=None)

    @property
    def time_max(self) -> datetime | None:
        """Newest time in the data."""
        return max((g.time_max for f in self.files for g in f.row_groups if g.time_max), default=None)
