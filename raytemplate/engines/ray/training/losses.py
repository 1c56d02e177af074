"""Decides, in Ray Train's controller, whether a training whose workers are lost is restarted.

Ray Train restarts a worker group after any error, as often as configured, and after some errors without limit. This
rule restarts only workers that were lost: an error of the loop itself would happen again.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from ray.train import ControllerError, FailureConfig, WorkerGroupError

from raytemplate.engines.ray.private.conducting import Change
from raytemplate.engines.ray.trouble import is_lost, reason
from raytemplate.errors import Unavailable
from raytemplate.execution.journal import Journal
from raytemplate.records.fitted import WorkersLost

WAIT_S = 600.0
"""Seconds that a training waits for room on the cluster, unless its budget ends before."""
START_TRY_S = 5.0
"""Seconds of one attempt of Ray Train to find room. Meanwhile its controller does not react, even if time is up."""
_LEAST_WAIT_S = 60.0


def failure_config(max_failures: int) -> FailureConfig:
    """How often Ray Train itself may restart workers: `max_failures` times each after losses and after drains.

    Attempts to find room are limited too, to `WAIT_S` in all, or to a minute if restarts are not allowed.
    """
    tries = int((WAIT_S if max_failures else _LEAST_WAIT_S) / START_TRY_S) + max_failures
    return FailureConfig(
        max_failures=max_failures, max_preemption_failures=max_failures, controller_failure_limit=tries
    )


class Losses:
    """A `Rule` that writes every loss of workers to the journal, and ends a training that may not continue.

    Args:
        max_failures: losses after which training is restarted.
        wait_s: see `WAIT_S`.
    """

    def __init__(
        self, journal: Journal, max_failures: int, wait_s: float = WAIT_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._journal, self._max_failures, self._wait_s, self._clock = journal, max_failures, wait_s, clock
        self._waits_since: float | None = None
        self._failed_starts = 0

    def looked(self, error: WorkerGroupError | None) -> None:
        """See `Rule`: an error of the loop itself ends training at once."""
        if error is not None and not is_lost(error.worker_failures.values()):
            raise ControllerError(error)

    def changed(self, to: Change, error: Exception | None) -> None:
        """See `Rule`."""
        if error is None:
            self._waits_since = None
            return
        if to != "no room":
            self._lost(to, error)
        self._wait(error)

    def _lost(self, to: Change, error: Exception) -> None:
        self._failed_starts += to == "not started"
        self._journal.add_start(WorkersLost(at=datetime.now(UTC), why=reason(error)))
        if self._failed_starts > self._max_failures:
            raise error

    def _wait(self, error: BaseException) -> None:
        if self._waits_since is None:
            self._waits_since = self._clock()
        if self._clock() - self._waits_since > self._wait_s:
            raise Unavailable(
                f"fit: the cluster has had no room for the workers for {self._wait_s:.0f} s: {reason(error)}",
                next_step=f"raytemplate resume {self._journal.run_id}",
            )
