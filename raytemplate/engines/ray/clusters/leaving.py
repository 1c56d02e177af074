"""Leave a Ray while other threads of this process go on: what Ray would end the whole process for, it does not.

It gives SIGTERM back to the kernel about a second before it has ended, and the kernel ends the process without a
word. Python lets only the main thread say who hears a signal, and that one waits for a verdict meanwhile: hence the C
library.

A reference to one of its objects tells Ray when Python frees it, in whatever thread that happens. If Ray has just gone,
its C++ part ends the process with exit code 1 and not a word either.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from raytemplate.engines.ray.clusters import lost

_LARGEST_ACTION = 512
_WATCH_S = 0.001


class Leaving:
    """Made before Ray comes; who hears SIGTERM then will hear it still."""

    def __init__(self) -> None:
        self._action = ctypes.create_string_buffer(_LARGEST_ACTION)
        self._known = ctypes.CDLL(None).sigaction(int(signal.SIGTERM), None, self._action) == 0

    def leave(self) -> None:
        """`ray.shutdown()`, from any thread. From now on only this thread reaches Ray."""
        import ray
        import ray._private.worker as worker

        core = getattr(worker.global_worker, "core_worker", None)
        if core is not None:
            worker.global_worker.core_worker = _OnlyFromHere(core)  # pyright: ignore[reportAttributeAccessIssue]
        lost.out_of_use()
        with self._sigterm_kept():
            ray.shutdown()
        lost.left()

    @contextmanager
    def _sigterm_kept(self) -> Generator[None]:
        """Within a millisecond of whatever changes it, and at the end, the same one hears SIGTERM."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(_WATCH_S):
                self._restore()

        watcher = threading.Thread(target=watch, name="sigterm", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            self._restore()

    def _restore(self) -> None:
        if self._known:
            ctypes.CDLL(None).sigaction(int(signal.SIGTERM), self._action, None)


class _OnlyFromHere:
    """Ray's core worker for the thread that made this. For others it has gone; freeing a reference bears that."""

    def __init__(self, core: Any) -> None:
        self._core, self._thread = core, threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        if threading.get_ident() != self._thread:
            raise AttributeError(f"{name}: this process leaves Ray")
        return getattr(self._core, name)
