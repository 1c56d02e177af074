"""Records of ingest: exactly which data was read, and its windows."""

from dataclasses import dataclass
from datetime import datetime

from raytemplate.records.contracted import ContractFound


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRead:
    """One file of a snapshot."""

    path: str

    size_bytes: int
    """Size of the whole file."""

    row_groups: tuple[int, ...]
    """Numbers of the slices that were read."""

    bytes_read: int
    """Bytes that were read."""

    sha256: str
    """Digest of the bytes that were read: the chosen columns of the chosen slices."""

    num_without_time: int = 0
    """Rows that were read and are in no window because they have no time."""

    mask_key: str = ""
    """Id of the key that values were hashed with; "" if none was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowRead:
    """One half-open window of time."""

    name: str

    start: datetime
    """First moment of the window."""

    end: datetime
    """First moment after the window."""

    num_rows: int
    """Rows that remain in the window."""

    num_dropped: int
    """Rows that `data.drop` removed from it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReusedFrom:
    """The run whose rows another run has taken over, read and encoded."""

    run_id: str

    at: datetime
    """When that run had read and encoded them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """Immutable reference to the data a run read."""

    digest: str
    """Digest over files, columns, windows and the condition on rows."""

    files: tuple[FileRead, ...]

    columns: tuple[str, ...]
    """Columns that were read."""

    windows: tuple[WindowRead, ...]

    bytes_read: int
    """Bytes that were read of all files."""

    engine: str
    """What read them, in words."""

    source: str = ""
    """Kind of source, such as "parquet"; "" in records of earlier versions."""

    version: str = ""
    """Version of the data, if the source keeps several; else ""."""

    name: str = ""
    """What a person calls the data, such as "flights"; "" in records of earlier versions."""

    contract: ContractFound | None = None
    """What the contract found in single rows; None if it asks for nothing that could leave rows out or warn."""

    kept: str = ""
    """Digest of the copy of the rows in the workspace's store of kept rows; "" if none is kept."""

    reused: ReusedFrom | None = None
    """The run that read and encoded the rows; None if that was this run itself."""

    @property
    def short_name(self) -> str:
        """What a person can say for it, such as "flights@v12", or "flights@3f7f16" if the source keeps no versions."""
        return f"{self.name or 'data'}@{f'v{self.version}' if self.version else self.digest[:6]}"

    @property
    def mask_key(self) -> str:
        """Id of the key that values were hashed with; "" if none was."""
        return next((f.mask_key for f in self.files if f.mask_key), "")

    @property
    def num_rows(self) -> int:
        """Rows in the windows, before `data.drop` and the contract leave some out."""
        out = self.contract.num_quarantined + self.contract.num_dropped if self.contract else 0
        return sum(w.num_rows + w.num_dropped for w in self.windows) + out

    @property
    def num_dropped(self) -> int:
        """Rows that `data.drop` removed."""
        return sum(w.num_dropped for w in self.windows)

    @property
    def num_without_time(self) -> int:
        """Rows that are in no window because they have no time."""
        return sum(f.num_without_time for f in self.files)

    def window(self, name: str) -> WindowRead:
        """The window of that name."""
        return next(w for w in self.windows if w.name == name)
