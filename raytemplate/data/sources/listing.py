"""What is known of a source before a row is read: files, slices, columns, times. Plain data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, datetime, timedelta

from raytemplate.data.sources.folders import LeftOut
from raytemplate.records.codec import Settings


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
class Slice:
    """Rows that are read together, such as a row group of a Parquet file or a range of bytes of a text file.

    Times are None where nothing is known of them. `time_rows` are rows by day (of months or years, where there are very
    many), where they were counted; without them only the oldest and the newest time are known.

    Args:
        number: its place among the slices of its file, from 0.
        num_bytes: bytes that are read for it, whatever the columns.
        column_bytes: bytes that are read for each column besides, where columns are read alone.
        handle: what its source must know to find it again; nobody else looks into it.
    """

    number: int
    num_rows: int
    time_min: datetime | None = None
    time_max: datetime | None = None
    num_bytes: int = 0
    column_bytes: Mapping[str, int] = field(default_factory=dict[str, int])
    handle: Settings = field(default_factory=Settings)
    time_rows: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def bins(self) -> tuple[TimeBin, ...]:
        """What was counted by time, oldest first."""
        return tuple(TimeBin(name=name, num_rows=rows) for name, rows in sorted(self.time_rows.items()))

    def bytes_of(self, columns: Iterable[str]) -> int:
        """Bytes that must be read for these columns; a column of the path (a partition) costs nothing."""
        return self.num_bytes + sum(self.column_bytes.get(column, 0) for column in columns)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """One file; or what else a source has that people know by a name, such as a table.

    Args:
        size_bytes: 0 where there is no file to be seen.
        sha256: stands for its content while planning.
        handle: what its source must know of it to read any of its slices; nobody else looks into it.
        is_whole: whether all of it was looked at; types of columns may be others further on.
    """

    path: str
    size_bytes: int
    sha256: str
    slices: tuple[Slice, ...]
    handle: Settings = field(default_factory=Settings)
    is_whole: bool = True

    @property
    def num_rows(self) -> int:
        """Rows of all slices."""
        return sum(one.num_rows for one in self.slices)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTable:
    """All files of a source, sorted by path, with one schema: column name -> Arrow type as text.

    Args:
        version: of what was listed, if the source keeps several, such as the snapshot of a table format; else "".
        reading: what the source must know to read any file, such as how CSV files are written; nobody else looks into
            it.
        location: where the source is, as far as the paths do not say it, likewise. It changes nothing of what is read.
        partitions: columns that the paths give, with their Arrow types.
        left_out: what lies beside the files and is not read.
    """

    kind: str
    root: str
    files: tuple[SourceFile, ...]
    schema: Mapping[str, str]
    version: str = ""
    reading: Settings = field(default_factory=Settings)
    location: Settings = field(default_factory=Settings)
    partitions: Settings = field(default_factory=Settings)
    left_out: tuple[LeftOut, ...] = ()

    @property
    def newest_file(self) -> str:
        """The file with the newest time; "" if no times are known."""
        newest = [(g.time_max, f.path) for f in self.files for g in f.slices if g.time_max]
        return max(newest)[1] if newest else ""

    @property
    def time_min(self) -> datetime | None:
        """Oldest time in the data."""
        return min((g.time_min for f in self.files for g in f.slices if g.time_min), default=None)

    @property
    def time_max(self) -> datetime | None:
        """Newest time in the data."""
        return max((g.time_max for f in self.files for g in f.slices if g.time_max), default=None)
