"""What becomes of a training whose workers are lost, decided where Ray Train conducts it.

Ray Train starts a worker group again after any error, as often as it is told, and after some without end. Here only
what was lost is started again: an error of the loop itself would be the same again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ray.train import ControllerError, FailureConfig
from ray.train.v2._internal.exceptions import WorkerGroupStartupTimeoutError
from ray.train.v2._internal.execution.callback import ControllerCallback, WorkerGroupCallback
from ray.train.v2._internal.execution.controller.state import ReschedulingState, RestartingState, RunningState

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


class Losses(WorkerGroupCallback, ControllerCallback):
    """Writes every loss of workers into the journal, and ends what may not go on.

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

    def after_worker_group_poll_status(self, worker_group_status: Any) -> None:
        """See `WorkerGroupCallback`: an error of the loop itself ends training at once.

        What workers raise whose machine is being taken away follows from that.
        """
        errors = worker_group_status.errors
        if not errors or worker_group_status.get_preemption_info() is not None or is_lost(errors.values()):
            return
        raise ControllerError(worker_group_status.get_worker_group_error())

    def after_controller_state_update(self, previous_state: Any, current_state: Any) -> None:
        """See `ControllerCallback`."""
        if isinstance(current_state, RunningState):
            self._waits_since = None
        elif isinstance(current_state, RestartingState | ReschedulingState):
            self._lost(current_state)
            self._wait(current_state.training_failed_error)

    def _lost(self, state: Any) -> None:
        error = state.training_failed_error
        if isinstance(state, ReschedulingState):
            if isinstance(error.controller_failure, WorkerGroupStartupTimeoutError):
                return  # nothing was there that could be lost
            self._failed_starts += 1
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
