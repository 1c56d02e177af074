"""The store of encoded rows: what runs have read and encoded, so that a run of the same rows need not do it again.

An entry is a folder KEY-DIGEST: the key stands for everything that it was made from, the digest for `entry.json`, which
in turn holds the digest of every other file. So no byte is used that is not the one that was written. Everything in the
store can be made again: nothing is flushed to disk, and an entry that is torn, edited or gone is only made anew.
"""

import errno
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from raytemplate.errors import IntegrityError
from raytemplate.records import codec
from raytemplate.records.encoded import EncodedEntry, StoredFile
from raytemplate.store.atomic import remove_at_once
from raytemplate.store.workspace import ENCODED

ABOUT = "entry.json"
_NAME = re.compile(r"([0-9a-f]{32})-([0-9a-f]{32})")
_INCOMING = ".incoming"
_ABANDONED_S = 24 * 3600.0
"""Seconds after which an unfinished entry counts as abandoned."""
_MOST_BYTES, _SHARE_OF_DISK = 5_000_000_000, 0.1
"""Most bytes that the store may take, and the most as a share of what is free on its disk without it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """An entry of the store."""

    folder: Path
    """Its folder."""
    about: EncodedEntry
    """What it holds and was made from."""
    used: float
    """When it was used last, in seconds since 1970."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Damaged:
    """A folder of the store that holds no good entry."""

    folder: Path
    """The folder."""
    what: str
    """Which file is wrong, and how."""


class HashedFile:
    """A file that is written and hashed in one pass."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self._digest = hashlib.sha256()
        self.num_bytes = 0

    def write(self, data: Any) -> int:
        """Write bytes, or anything that holds them without gaps."""
        view = memoryview(data)
        if view.nbytes:
            view = view.cast("B")
            self._file.write(view)
            self._digest.update(view)
            self.num_bytes += view.nbytes
        return view.nbytes

    @property
    def closed(self) -> bool:
        """As of a file."""
        return self._file.closed

    def flush(self) -> None:
        """As of a file."""
        self._file.flush()

    def end(self, name: str) -> StoredFile:
        """Close the file and describe it."""
        self._file.close()
        return StoredFile(name=name, num_bytes=self.num_bytes, sha256=self._digest.hexdigest())


Write = Callable[[HashedFile], None]


@dataclass(frozen=True, slots=True)
class EncodedStore:
    """The entries below a folder. Several processes may use it at once."""

    root: Path

    def entries(self) -> tuple[tuple[Stored, ...], tuple[Damaged, ...]]:
        """The entries, last used first, and those that are damaged. Only `entry.json` of each is looked at."""
        found: list[Stored] = []
        damaged: list[Damaged] = []
        for folder in self._folders():
            try:
                found.append(_opened(folder))
            except FileNotFoundError:
                continue  # removed meanwhile by another process
            except OSError as error:
                damaged.append(Damaged(folder=folder, what=f"{folder / ABOUT}: cannot be read: {error.strerror}"))
            except IntegrityError as error:
                damaged.append(Damaged(folder=folder, what=error.what))
        return tuple(sorted(found, key=lambda one: one.used, reverse=True)), tuple(damaged)

    def read(self, stored: Stored, name: str) -> bytes:
        """A file of an entry; its bytes are those that were written.

        Raises:
            IntegrityError: it is missing or differs; names it.
        """
        path = stored.folder / name
        expected = next((file for file in stored.about.files if file.name == name), None)
        if expected is None:
            raise IntegrityError(f"{path}: not in {ABOUT}")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise IntegrityError(f"{path}: cannot be read: {error.strerror}") from error
        if (found := hashlib.sha256(content).hexdigest()) != expected.sha256:
            raise IntegrityError(f"{path}: sha256 {found[:12]}, recorded was {expected.sha256[:12]}")
        return content

    def use(self, stored: Stored) -> None:
        """Note that an entry is used now: those that were not for the longest time go first."""
        with suppress(OSError):
            os.utime(stored.folder / ABOUT)

    def room_bytes(self) -> int:
        """Most bytes that the store may take."""
        held = sum(stored.about.num_bytes for stored in self.entries()[0])
        there = next(folder for folder in (self.root, *self.root.parents) if folder.exists())
        return int(min(_MOST_BYTES, _SHARE_OF_DISK * (shutil.disk_usage(there).free + held)))

    def keep(self, about: EncodedEntry, files: Mapping[str, Write]) -> None:
        """Add an entry, in place of an earlier one with its key.

        Args:
            about: describes the entry; its `files` are filled in.
            files: name -> what writes the file.

        Raises:
            OSError: the disk is full, or the folder cannot be written; nothing is left of the entry.
        """
        copy = self.root / _INCOMING / secrets.token_hex(8)
        copy.mkdir(parents=True)
        try:
            written = tuple(_write(copy, name, write) for name, write in files.items())
            content = codec.dumps(replace(about, files=written))
            (copy / ABOUT).write_bytes(content)
            before = [folder for folder in self._folders() if folder.name.startswith(f"{about.key}-")]
            _settle(copy, self.root / f"{about.key}-{hashlib.sha256(content).hexdigest()[:32]}")
            for folder in before:
                self.remove(folder)
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def make_room(self, most_bytes: int) -> None:
        """Remove the entries that were not used for the longest time until the others fit, and what was abandoned."""
        left = most_bytes
        for stored in self.entries()[0]:
            left -= stored.about.num_bytes
            if left < 0:
                self.remove(stored.folder)
        self.sweep(_ABANDONED_S)

    def remove(self, folder: Path) -> None:
        """Remove an entry at once: a process that reads it finds it gone, and never half of it."""
        remove_at_once(folder, self.root / _INCOMING)

    def sweep(self, age_s: float) -> int:
        """Remove what processes left behind that were killed while they wrote, if it is older than that.

        Returns:
            Bytes that were freed.
        """
        freed = 0
        for folder in self.abandoned(age_s):
            freed += bytes_below(folder)
            shutil.rmtree(folder, ignore_errors=True)
        return freed

    def abandoned(self, age_s: float) -> tuple[Path, ...]:
        """Folders of unfinished entries that are older than that."""
        incoming, oldest = self.root / _INCOMING, time.time() - age_s
        with suppress(OSError):
            return tuple(folder for folder in incoming.iterdir() if folder.stat().st_mtime < oldest)
        return ()

    def _folders(self) -> list[Path]:
        with suppress(OSError):
            return sorted(folder for folder in self.root.iterdir() if _NAME.fullmatch(folder.name))
        return []


def encoded_beside(run_folder: Path) -> EncodedStore:
    """The store beside the folder of all runs."""
    return EncodedStore(run_folder.absolute().parents[1] / ENCODED)


def bytes_below(folder: Path) -> int:
    """Bytes of all files in a folder and its subfolders; what cannot be read counts as nothing."""
    total = 0
    for inside, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(inside, name)).st_size
    return total


def _opened(folder: Path) -> Stored:
    path = folder / ABOUT
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest()[:32] != folder.name.partition("-")[2]:
        raise IntegrityError(f"{path}: not what was written")
    return Stored(folder=folder, about=codec.loads(EncodedEntry, content, where=str(path)), used=path.stat().st_mtime)


def _write(folder: Path, name: str, write: Write) -> StoredFile:
    file = HashedFile(folder / name)
    try:
        write(file)
    finally:
        stored = file.end(name)
    return stored


def _settle(copy: Path, target: Path) -> None:
    try:
        os.rename(copy, target)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):  # else another process has put the same entry
            raise
