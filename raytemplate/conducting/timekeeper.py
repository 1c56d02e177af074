"""Ends a process from within when its time is over, as long as one of its threads can run Python.

It asks the running code to end, then records how the run ended, ends everything the process has started, and exits with
the recorded code. A process that is not the run's own, such as a notebook's, is only asked, as if by Ctrl-C.

A stopped process, or code that holds the interpreter lock, is left to the watchdog (`conducting.watchdog`).
"""

from __future__ import annotations

import _thread
import ctypes
import os
import signal
import threading
from contextlib import suppress

from raytemplate.budget import Meter
from raytemplate.conducting.processes import below
from raytemplate.ending import end_now
from raytemplate.engines.ray.clusters.lost import out_of_use
from raytemplate.errors import BudgetSpent, RaytemplateError
from raytemplate.execution.failure import error_of, failed
from raytemplate.execution.journal import Journal
from raytemplate.execution.run_log import log_failure
from raytemplate.execution.time_left import is_recorded, left_s, too_late
from raytemplate.planning.stages import RunPlan
from raytemplate.records.run import RunEnd

_ASK_S, _LEAVE_S = 0.3, 1.2
"""Seconds after the end of the time at which the running code is asked to end, and at which the process exits anyway.
"""
_LOOK_S, _SAY_S, _ASK_AGAIN_S = 0.1, 0.3, 1.0
_NOT_BY_ITSELF = "and training did not end by itself"


class Timekeeper:
    """Ends the work on a run when its time is over, and records how it failed. A context manager.

    Args:
        own: whether this process is the run's own, and may be ended.
    """

    def __init__(self, plan: RunPlan, journal: Journal, meter: Meter, *, own: bool) -> None:
        self._plan, self._journal, self._meter, self._own = plan, journal, meter, own
        self._over, self._thread = threading.Event(), threading.get_ident()
        self._asked_s = 0.0
        self._error: Exception | None = None

    def __enter__(self) -> Timekeeper:
        threading.Thread(target=self._keep_time, name="timekeeper", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def failed(self, error: Exception) -> Exception:
        """Record how the run failed; if leaving takes too long, the process ends with that error.

        Returns:
            See `execution.failure.failed`.
        """
        self._error = failed(self._journal, self._plan, self._meter, error)
        return self._error

    def was_late(self) -> BudgetSpent | None:
        """The error if time ran out and the work had to be asked to end, unless it then ended well; otherwise None."""
        if not self._asked_s:
            return None
        end = self._journal.read(RunEnd)
        if end is not None and end.state != "failed":
            return None
        return too_late(self._plan, self._journal, self._meter, _NOT_BY_ITSELF)

    def _keep_time(self) -> None:
        while not self._over.wait(_LOOK_S):
            late_s = -left_s(self._journal, self._meter)
            due_s = self._asked_s + _ASK_AGAIN_S if self._asked_s else _ASK_S
            if late_s > due_s and not is_recorded(self._journal):
                self._asked_s = late_s
                self._ask()
            if late_s > _LEAVE_S and self._own:
                self._leave()

    def _ask(self) -> None:
        """Raise an exception in the running code.

        For the run's own process, without a real signal: while Ray shuts down, SIGTERM has no handler and would kill.
        """
        if self._own:
            _thread.interrupt_main(signal.SIGTERM)
        elif self._thread != threading.main_thread().ident:
            thread, error = ctypes.c_ulong(self._thread), ctypes.py_object(KeyboardInterrupt)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, error)
        elif callable(signal.getsignal(signal.SIGINT)):
            signal.pthread_kill(self._thread, signal.SIGINT)

    def _leave(self) -> None:
        late = None
        if not is_recorded(self._journal):
            late = too_late(self._plan, self._journal, self._meter, _NOT_BY_ITSELF)
            self.failed(late)
        end = self._journal.read(RunEnd)
        if end is None or end.state != "failed":
            return  # the disk is full, a case for the watchdog; or the run ended well, and only Ray takes its time
        error = self._error or error_of(end, self._journal)
        if late is not None and isinstance(error, RaytemplateError):
            log_failure(self._journal, error)
        out_of_use()
        for pid in below(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if isinstance(error, RaytemplateError):
            # In a thread of its own: the abandoned code may be writing to the stream, and hold its lock.
            telling = threading.Thread(target=end_now, args=(error,), daemon=True)
            telling.start()
            telling.join(_SAY_S)
        os._exit(end.exit_code)
