"""Ends a worker group whose time is up, from where Ray Train conducts it: a loop that does not ask has no say in it."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from ray.train.v2._internal.execution.callback import ControllerCallback, WorkerGroupCallback
from ray.train.v2._internal.execution.controller.state import ReschedulingState, RestartingState

from raytemplate.errors import BudgetSpent


class TimeIsUp(WorkerGroupCallback, ControllerCallback):
    """Raises at the first look at the workers after `end_s`, or once there is a file `end`; Ray Train then ends them.

    The process that looks is on the machine of the one that made this, and so is its monotonic clock.

    Args:
        no_start_s: after this no workers are started in the place of others: there is no time for them to train.
    """

    def __init__(self, end_s: float, end: Path | None = None, no_start_s: float = math.inf) -> None:
        self._end_s, self._end, self._no_start_s = end_s, end, no_start_s

    def after_worker_group_poll_status(self, worker_group_status: Any) -> None:
        """See `WorkerGroupCallback`."""
        if time.monotonic() > self._end_s or (self._end and self._end.exists()):
            raise BudgetSpent("the budget has ended")

    def after_controller_state_update(self, previous_state: Any, current_state: Any) -> None:
        """See `ControllerCallback`: looks whenever workers are to be started again, or there is no room for them."""
        if isinstance(current_state, RestartingState | ReschedulingState) and time.monotonic() > self._no_start_s:
            raise BudgetSpent("the budget ended before lost workers could be started again")
