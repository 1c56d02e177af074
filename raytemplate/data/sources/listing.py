"""What is known about a source before any row is read: files, slices, columns, times. Plain data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, datetime, timedelta

from raytemplate.data.sources.folders import LeftOut
from raytemplate.records.codec import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeBin:
    """Rows of a day, month or year in UTC."""

    name: str
    """The period, such as 2013-01-31, 2013-01 or 2013."""

    num_rows: int
    """Rows with a time in it."""

    @property
    def is_day(self) -> bool:
        """Whether it is a single day."""
        return len(self.name) == len("2013-01-31")

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime.fromisoformat(self.name + "-01-01"[len(self.name) - 4 :]).replace(tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it; the last moment of the year 9999 instead of the year 10000."""
        start, length = self.start, {10: 1, 7: 31, 4: 366}[len(self.name)]
        if start.year == MAXYEAR and (len(self.name) == 4 or (start.month == 12 and start.day + length > 31)):
            return datetime.max.replace(tzinfo=UTC)
        after = start + timedelta(days=length)
        return after if self.is_day else after.replace(day=1, month=after.month if len(self.name) == 7 else 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """Rows that are read together, such as a row group of a Parquet file or a range of bytes of a text file."""

    number: int
    """Its position among the slices of its file, from 0."""

    num_rows: int
    """Rows in it."""

    time_min: datetime | None = None
    """Oldest time; None if unknown."""

    time_max: datetime | None = None
    """Newest time; None if unknown."""

    num_bytes: int = 0
    """Bytes read for it whatever the columns."""

    column_bytes: Mapping[str, int] = field(default_factory=dict[str, int])
    """Additional bytes read for each column, if columns can be read separately."""

    handle: Settings = field(default_factory=Settings)
    """What its source needs to find it again; opaque to everything else."""

    time_rows: Mapping[str, int] = field(default_factory=dict[str, int])
    """Rows by day, or by month or year if there are very many days. Empty if only the oldest and the newest time are
    known."""

    @property
    def bins(self) -> tuple[TimeBin, ...]:
        """`time_rows` as bins, oldest first."""
        if not self.time_rows:
            return ()
        return tuple(TimeBin(name=name, num_rows=rows) for name, rows in sorted(self.time_rows.items()))

    def may_hold(self, start: datetime, end: datetime) -> bool:
        """Whether it may hold rows with start <= time < end; False is certain."""
        if self.time_min is None or self.time_max is None:
            return True
        if self.time_max < start or self.time_min >= end:
            return False
        return not self.time_rows or any(one.end > start and one.start < end for one in self.bins)

    def bytes_of(self, columns: Iterable[str]) -> int:
        """Bytes to read for these columns; a column from the path (a partition) costs nothing."""
        known = self.column_bytes
        return self.num_bytes + sum([known[column] for column in columns if column in known])


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """One file, or another named part of a source, such as a table."""

    path: str
    """Its path or name, as records and messages show it."""

    size_bytes: int
    """Its size; 0 if it is not a file."""

    sha256: str
    """Digest that identifies its content during planning."""

    slices: tuple[Slice, ...]
    """Its slices, in order."""

    handle: Settings = field(default_factory=Settings)
    """What its source needs to read any of its slices; opaque to everything else."""

    is_whole: bool = True
    """Whether all of it was examined; if not, the types of columns may change further on."""

    @property
    def num_rows(self) -> int:
        """Rows of all slices."""
        return sum(one.num_rows for one in self.slices)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTable:
    """All files of a source, which share one schema."""

    kind: str
    """Name of the source plug-in."""

    root: str
    """Folder to which the paths of files are relative."""

    files: tuple[SourceFile, ...]
    """The files, sorted by path."""

    schema: Mapping[str, str]
    """Column -> Arrow type as text."""

    version: str = ""
    """Version that was listed, if the source keeps several, such as the snapshot of a table format; else ""."""

    name: str = ""
    """What a person calls the data, such as "flights"."""

    reading: Settings = field(default_factory=Settings)
    """What the source needs to read any file, such as how CSV files are written; opaque to everything else."""

    location: Settings = field(default_factory=Settings)
    """Where the source is, beyond what the paths say; opaque, too. It does not affect what is read."""

    partitions: Settings = field(default_factory=Settings)
    """Columns that come from the paths, with their Arrow types."""

    padded: tuple[str, ...] = ()
    """Columns of whole numbers with and without leading zeros, whose type nobody has promised: 007 and 7 would be one
    number."""

    left_out: tuple[LeftOut, ...] = ()
    """What is beside the files but not read."""

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
