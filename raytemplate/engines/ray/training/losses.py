"""What becomes of a training whose workers are lost, decided where Ray Train conducts it.

Ray Train starts a worker group again after any error, as often as it is told, and after some without end. Here only
what was lost is started again: an error of the loop itself would be the same again.
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
"""How long a training waits for room on the cluster, if its budget does not end before."""
START_TRY_S = 5.0
"""How long Ray Train waits for room at once: its controller hears nothing meanwhile, not even that the time is up."""
_LEAST_WAIT_S = 60.0


def failure_config(max_failures: int) -> FailureConfig:
    """What Ray Train may start again by itself: losses and drains so often each. Without end it does nothing: it looks
    for room for `WAIT_S`, or for a minute if nothing is to be started again.
    """
    tries = int((WAIT_S if max_failures else _LEAST_WAIT_S) / START_TRY_S) + max_failures
    return FailureConfig(
        max_failures=max_failures, max_preemption_failures=max_failures, controller_failure_limit=tries
    )


class Losses:
    """See `Rule`. Writes every loss of workers into the journal, and ends what may not go on.

    Args:
        max_failures: losses after which training is started again.
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
