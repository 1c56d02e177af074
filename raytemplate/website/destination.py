"""Where a site is written: a folder of this machine, or a prefix in a bucket."""

from __future__ import annotations

import os
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from raytemplate.data.sources.storage import Storage, get_stored, put_stored, remove_stored, sizes_in, uri_fault
from raytemplate.errors import UsageError
from raytemplate.store.atomic import storage_errors, temporary_beside

_AT_ONCE = 16
"""Requests to a bucket at a time: each takes tens of milliseconds, however small the page."""
_TYPES = {".html": "text/html; charset=utf-8", ".json": "application/json"}


class Destination(Protocol):
    """A folder of files, named by their path in it."""

    def sizes(self, folders: tuple[str, ...]) -> dict[str, int]:
        """Name -> bytes of the files in these folders, "" for the destination itself; of missing folders none."""
        ...

    def read(self, name: str) -> bytes | None:
        """A file; None where there is none."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all; it is there at the latest when `settle` returns."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file that may be gone already."""
        ...

    def settle(self) -> None:
        """Wait until all is done that was asked for; raises the first error of it."""
        ...


@contextmanager
def open_destination(to: str) -> Generator[Destination]:
    """The destination with that path or URI. A bucket is found as the environment says, as for data.

    Raises:
        UsageError: a URI that cannot be used, or a path that is a file.
    """
    if "://" not in to:
        yield _Folder(Path(to))
        return
    if fault := uri_fault(to):
        raise UsageError(fault, next_step="raytemplate site DIR")
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        yield _Bucket(to.rstrip("/"), threads)


class _Folder:
    """A folder of this machine. Files are replaced by a rename, so that a server never sends half a page."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: set[Path] = set()

    def sizes(self, folders: tuple[str, ...]) -> dict[str, int]:
        with storage_errors(self._folder, doing="read"):
            if self._folder.exists() and not self._folder.is_dir():
                raise UsageError(f"{self._folder}: is a file, expected a folder for the site")
            return {
                f"{name}{entry.name}": entry.stat().st_size
                for name in folders
                if (self._folder / name).is_dir()
                for entry in os.scandir(self._folder / name)
                if entry.is_file()
            }

    def read(self, name: str) -> bytes | None:
        path = self._folder / name
        with storage_errors(path, doing="read"):
            return path.read_bytes() if path.exists() else None

    def put(self, name: str, data: bytes) -> None:
        # Not synced, which takes longer than all else: what a power cut spoils has another size, and is written again.
        path = self._folder / name
        temporary = temporary_beside(path)
        with storage_errors(path):
            if path.parent not in self._made:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._made.add(path.parent)
            try:
                temporary.write_bytes(data)
                os.replace(temporary, path)
            except BaseException:  # no part of a file stays; raised again
                temporary.unlink(missing_ok=True)
                raise

    def remove(self, name: str) -> None:
        with storage_errors(self._folder / name, doing="removed"):
            (self._folder / name).unlink(missing_ok=True)

    def settle(self) -> None:
        pass


class _Bucket:
    """A prefix in a bucket, written to by several threads."""

    def __init__(self, uri: str, threads: ThreadPoolExecutor) -> None:
        self._uri, self._storage = uri, Storage()
        self._threads = threads
        self._asked: list[Future[None]] = []

    def sizes(self, folders: tuple[str, ...]) -> dict[str, int]:
        found = self._threads.map(lambda name: sizes_in(f"{self._uri}/{name}".rstrip("/"), self._storage), folders)
        return {f"{folder}{name}": size for folder, of in zip(folders, found, strict=True) for name, size in of.items()}

    def read(self, name: str) -> bytes | None:
        return get_stored(f"{self._uri}/{name}", self._storage)

    def put(self, name: str, data: bytes) -> None:
        kind = _TYPES[Path(name).suffix]
        uri = f"{self._uri}/{name}"
        self._asked.append(self._threads.submit(put_stored, uri, data, self._storage, content_type=kind))

    def remove(self, name: str) -> None:
        self._asked.append(self._threads.submit(remove_stored, f"{self._uri}/{name}", self._storage))

    def settle(self) -> None:
        asked, self._asked = self._asked, []
        try:
            for one in asked:
                one.result()
        finally:
            for one in asked:
                one.cancel()
