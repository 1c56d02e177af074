"""What ingest hands on: the exact data that was read, and where its windows are."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRead:
    """One file of a snapshot. `sha256` is of the bytes that were read: the chosen columns of the chosen slices, whose
    numbers are the `row_groups`.

    Rows without a time, of those read, are in no window.
    """

    path: str
    size_bytes: int
    row_groups: tuple[int, ...]
    bytes_read: int
    sha256: str
    num_without_time: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowRead:
    """One window: half-open in time, with the rows in it and the rows that `data.drop` took out."""

    name: str
    start: datetime
    end: datetime
    num_rows: int
    num_dropped: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """Immutable reference to the data a run read. `digest` covers files, columns, windows and row rule.

    `source` is the kind of the source, "" in records of earlier versions; `version` is of what it holds, if it keeps
    several.
    """

    digest: str
    files: tuple[FileRead, ...]
    columns: tuple[str, ...]
    windows: tuple[WindowRead, ...]
    bytes_read: int
    engine: str
    source: str = ""
    version: str = ""

    @property
    def num_rows(self) -> int:
        """Rows in the windows, before `data.drop`."""
        return sum(w.num_rows + w.num_dropped for w in self.windows)

    @property
    def num_dropped(self) -> int:
        """Rows that `data.drop` took out."""
        return sum(w.num_dropped for w in self.windows)

    @property
    def num_without_time(self) -> int:
        """Rows that are in no window because they have no time."""
        return sum(f.num_without_time for f in self.files)

    def window(self, name: str) -> WindowRead:
        """The window of that name."""
        return next(w for w in self.windows if w.name == name)
