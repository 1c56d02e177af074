"""Leave a Ray while other threads of this process go on: what Ray would end the whole process for, it does not.

It gives SIGTERM back to the kernel about a second before it has ended, and the kernel ends the process without a
word. Python lets only the main thread say who hears a signal, and that one waits for a verdict meanwhile: hence the C
library.
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
    """Made before Ray comes; who hears SIGTERM then will hear it still."""

    def __init__(self) -> None:
        self._action = ctypes.create_string_buffer(_LARGEST_ACTION)
        self._known = ctypes.CDLL(None).sigaction(int(signal.SIGTERM), None, self._action) == 0

    def leave(self) -> None:
        """`ray.shutdown()`, from any thread. From now on only this thread reaches Ray."""
        import ray

        reach_from_this_thread_only()
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
