"""Work of the promoter that nobody waits for, in a thread: a decision does not wait for an MLflow that hangs."""

import sys
import threading
from collections.abc import Callable

Work = Callable[[Callable[[], bool]], None]
"""Is given a function that returns False once the work should end, and asks it between two steps."""


class Beside:
    """At most one piece of work at a time. If it fails, that is only printed."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, work: Work) -> None:
        """Begin to work; returns at once. Earlier work ends first."""
        self.end()
        self._over = threading.Event()
        self._thread = threading.Thread(target=_do, args=(work, self._over), name="beside", daemon=True)
        self._thread.start()

    def end(self, within_s: float | None = None) -> None:
        """Have the work end after its current step, and wait until it has.

        Args:
            within_s: seconds to wait; None waits for as long as it takes.
        """
        self._over.set()
        if self._thread is not None:
            self._thread.join(within_s)


def _do(work: Work, over: threading.Event) -> None:
    try:
        work(lambda: not over.is_set())
    except Exception as error:  # the same is attempted again when the run is judged, and reported then
        print(f"copying trials to MLflow: {type(error).__name__}: {error}", file=sys.stderr)
