"""The end of a process whose time is over, by itself, as long as one of its threads can run Python.

It asks the code that runs to end, then says in the records how the run ended, ends all that it started, and leaves with
the recorded exit code.

Its watchdog (`engines.watchdog`) is for what is left: a process that was stopped, or code that holds the interpreter.
"""

from __future__ import annotations

import _thread
import os
import signal
import threading
from contextlib import suppress

from raytemplate.budget import Meter
from raytemplate.ending import end_now
from raytemplate.engines.processes import below
from raytemplate.engines.ray.lost import out_of_use
from raytemplate.errors import BudgetSpent, RaytemplateError
from raytemplate.execution.failure import record_failure, say_how_to_resume
from raytemplate.execution.journal import Journal
from raytemplate.execution.run_log import log_failure
from raytemplate.execution.time_left import is_recorded, left_s, too_late
from raytemplate.planning.stages import RunPlan
from raytemplate.records.run import RunEnd

_ASK_S, _LEAVE_S = 0.3, 1.2
"""After the time is over the code that runs is asked to end, then the process leaves without it."""
_LOOK_S, _SAY_S = 0.1, 0.3
_NOT_BY_ITSELF = "and training did not end by itself"


class Timekeeper:
    """Ends this process, which is the run's own, when the time of the run is over: a context. Knows how it failed."""

    def __init__(self, plan: RunPlan, journal: Journal, meter: Meter) -> None:
        self._plan, self._journal, self._meter = plan, journal, meter
        self._over = threading.Event()
        self._error: RaytemplateError | None = None

    def __enter__(self) -> Timekeeper:
        threading.Thread(target=self._keep_time, name="timekeeper", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def failed(self, error: Exception) -> None:
        """Record how the run failed; if what follows takes too long, the process ends with that."""
        say_how_to_resume(error, self._journal)
        record_failure(self._journal, self._plan, self._meter, error)
        self._error = error if isinstance(error, RaytemplateError) else None

    def was_late(self) -> BudgetSpent | None:
        """That the time was over, if it was: nobody else asks this process to end then."""
        if left_s(self._journal, self._meter) > 0 or is_recorded(self._journal):
            return None
        return too_late(self._plan, self._journal, self._meter, _NOT_BY_ITSELF)

    def _keep_time(self) -> None:
        asked = False
        while not self._over.wait(_LOOK_S):
            late_s = -left_s(self._journal, self._meter)
            if late_s > _ASK_S and not asked and not is_recorded(self._journal):
                _thread.interrupt_main(signal.SIGTERM)  # no signal of the kernel, which Ray may have the process die of
                asked = True
            if late_s > _LEAVE_S:
                self._leave()

    def _leave(self) -> None:
        late = self.was_late()
        if late is not None:
            self.failed(late)
            log_failure(self._journal, late)
        end = self._journal.read(RunEnd)
        if end is None or end.state != "failed":
            return  # the disk is full, and the watchdog is left; or it ended well, and only Ray takes its time
        out_of_use()
        for pid in below(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._error is not None:
            # In a thread of its own: the code that is left may be writing to the stream, and hold it.
            telling = threading.Thread(target=end_now, args=(self._error,), daemon=True)
            telling.start()
            telling.join(_SAY_S)
        os._exit(end.exit_code)
