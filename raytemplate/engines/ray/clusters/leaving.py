"""Leaves a Ray while other threads of this process continue, without letting Ray end the whole process.

While shutting down, Ray restores the kernel's default SIGTERM action about a second before it has finished, and the
kernel then ends the process silently. Python lets only the main thread set signal handlers, and that thread waits for a
verdict meanwhile: hence the C library.
"""

import ctypes
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager

from raytemplate.engines.ray.clusters import lost
from raytemplate.engines.ray.private.connection import reach_from_this_thread_only

_LARGEST_ACTION = 512
_WATCH_S = 0.001


class Leaving:
    """Created before Ray starts; the SIGTERM handler of that moment stays in force."""

    def __init__(self) -> None:
        self._action = ctypes.create_string_buffer(_LARGEST_ACTION)
        self._known = ctypes.CDLL(None).sigaction(int(signal.SIGTERM), None, self._action) == 0

    def leave(self) -> None:
        """Call `ray.shutdown()`, from any thread. From now on only this thread reaches Ray."""
        import ray

        reach_from_this_thread_only()
        lost.out_of_use()
        with self._sigterm_kept():
            ray.shutdown()
        lost.left()

    @contextmanager
    def _sigterm_kept(self) -> Generator[None]:
        """Restore the SIGTERM handler within a millisecond of any change, and at the end."""
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
