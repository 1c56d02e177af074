"""The record of rows that a run has read and encoded, kept for later runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """One file of an entry."""

    name: str

    num_bytes: int

    sha256: str
    """Digest of its bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedEntry:
    """What an entry of the store of encoded rows holds, and what it was made from."""

    key: str
    """32 hex digits over everything that its rows were made from."""

    parts: Mapping[str, str]
    """The same in parts, such as "features" -> digest, to tell which of them has changed."""

    template: str
    """Name of the template whose run kept it."""

    run_id: str
    """The run that read and encoded the rows."""

    at: datetime
    """When it had."""

    kept_rows: str = ""
    """Digest of the copy of the rows that the run kept; "" if it kept none."""

    files: tuple[StoredFile, ...]
    """The files of the entry, all of them."""

    @property
    def num_bytes(self) -> int:
        """Bytes of its files."""
        return sum(file.num_bytes for file in self.files)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceOfEntry:
    """One file of the source that an entry was made from."""

    path: str
    """The file, as the plan names it."""

    planned: str
    """Digest of what the plan said about it."""

    stamp: tuple[int | str, ...]
    """Its stamp when it was read; see `data.sources.stamps`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourcesOfEntry:
    """All files that an entry was made from."""

    files: tuple[SourceOfEntry, ...]
