"""SIGTERM as it was before Ray came.

Ray gives it back to the kernel when it ends, about a second before that is over, and the kernel ends the process
without a word. Python lets only the main thread say who hears a signal, and that one waits for a verdict while Ray ends
beside it: hence the C library.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager

_LARGEST_ACTION = 512
_WATCH_S = 0.001


class Sigterm:
    """Who hears SIGTERM when this is made."""

    def __init__(self) -> None:
        self._action = ctypes.create_string_buffer(_LARGEST_ACTION)
        self._known = ctypes.CDLL(None).sigaction(int(signal.SIGTERM), None, self._action) == 0

    @contextmanager
    def kept(self) -> Generator[None]:
        """Within a millisecond of whatever changes it, and at the end, the same one hears it. From any thread."""
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
