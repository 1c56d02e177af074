"""Locks between processes. The kernel holds them, so a killed process never leaves one behind."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from raytemplate.errors import Unavailable
from raytemplate.store.atomic import storage_errors

_PAUSE_S = 0.02
_SHORTEST_WAIT_S = 0.1
"""Seconds that even a caller with a timeout of 0 waits, since `is_held` takes the lock for a moment."""


class FileLock:
    """One process at a time inside `with FileLock(path, timeout_s):`. The file remains after the lock is released.

    A process forked inside the block shares the lock; one started with exec does not.

    Args:
        path: the lock file; its folder exists.
        timeout_s: how long to wait for another process.

    Raises:
        Unavailable: still held by another process after `timeout_s`.
    """

    def __init__(self, path: Path, timeout_s: float) -> None:
        self.path = path
        self.timeout_s = timeout_s
        self._descriptor: int | None = None

    def __enter__(self) -> FileLock:
        if self._descriptor is not None:
            raise RuntimeError(f"{self.path}: this object already holds the lock")
        with storage_errors(self.path):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._wait(descriptor)
            _note_holder(descriptor)
        except BaseException:  # `__exit__` will not be called; raised again
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _wait(self, descriptor: int) -> None:
        deadline = time.monotonic() + max(self.timeout_s, _SHORTEST_WAIT_S)
        while not _take(descriptor, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                raise Unavailable(
                    f"{self.path}: held by another process{_holder(descriptor)}, waited {self.timeout_s:g} s",
                    next_step="wait until that process has ended, then run it again",
                )
            time.sleep(_PAUSE_S)


def is_held(path: Path) -> bool:
    """True while a process holds the lock at `path`. Creates nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        with storage_errors(path, doing="read"):
            raise
    try:
        return not _take(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _take(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _note_holder(descriptor: int) -> None:
    """Write the holder's process id, for messages only: the kernel keeps the lock, so a full disk does no harm."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        pass


def _holder(descriptor: int) -> str:
    text = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
    return f" (process {text})" if text.isdigit() else ""
