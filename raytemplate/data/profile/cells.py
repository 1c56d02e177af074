"""Cells: profiles of stretches of files, kept in the workspace so that a file is profiled once.

The folder of a cell names everything that it was made from: the file's content, how it is read, masked and dropped, and
what is profiled. A cell carries the digest of its own content; one that does not match is removed and made again.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from raytemplate.data.profile.stream import from_bytes, to_bytes
from raytemplate.data.profile.stretches import Stretch, known_in
from raytemplate.data.profile.table import TableProfile
from raytemplate.errors import RaytemplateError
from raytemplate.records import codec
from raytemplate.store.atomic import write_atomic

ENDING = ".cell"
"""Ending of the files of cells."""
_VERSION = 2


def cell_key(parts: Sequence[Any]) -> str:
    """32 hex digits for everything that cells are made from: records and plain JSON values."""
    return hashlib.sha256(codec.canonical([_VERSION, *parts]).encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cells:
    """The cells of a workspace."""

    root: Path | None
    """Their folder; None keeps nothing."""

    thrown_away: list[str] = field(default_factory=list[str])
    """Cells that were removed because their content was not what was kept."""

    def known(self, key: str) -> tuple[Stretch, ...]:
        """The stretches of time that there are cells of."""
        folder = self.root / key if self.root and key else None
        if folder is None or not folder.is_dir():
            return ()
        return known_in(sorted(path.stem for path in folder.glob(f"*{ENDING}")))

    def read(self, key: str, stretch: Stretch) -> TableProfile | None:
        """A cell; None if there is none, or no longer."""
        path = self._path(key, stretch)
        if path is None:
            return None
        try:
            content = path.read_bytes()
        except OSError:
            return None
        digest, _, body = content.partition(b"\n")
        try:
            if digest != _digest(body):
                raise ValueError("not what was kept")
            return from_bytes(body)
        except (AttributeError, KeyError, OSError, TypeError, ValueError):
            self.thrown_away.append(str(path))
            with contextlib.suppress(OSError):
                path.unlink()
            return None

    def keep(self, key: str, stretch: Stretch, profile: TableProfile) -> None:
        """Keep a cell. A failure is ignored: cells only save time."""
        path = self._path(key, stretch)
        if path is None:
            return
        body = to_bytes(profile)
        with contextlib.suppress(OSError, RaytemplateError):
            path.parent.mkdir(parents=True, exist_ok=True)
            _ignored_by_git(path.parent.parent)
            write_atomic(path, _digest(body) + b"\n" + body, durable=False)

    def _path(self, key: str, stretch: Stretch) -> Path | None:
        return self.root / key / f"{stretch.name}{ENDING}" if self.root and key else None


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _ignored_by_git(folder: Path) -> None:
    if not (folder / ".gitignore").exists():
        write_atomic(folder / ".gitignore", b"*\n")
