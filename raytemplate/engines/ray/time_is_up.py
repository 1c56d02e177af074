"""Ends a worker group whose time is up, from where Ray Train conducts it: a loop that does not ask has no say in it."""

from __future__ import annotations

import time
from typing import Any

from ray.train.v2._internal.execution.callback import WorkerGroupCallback

from raytemplate.errors import BudgetSpent


class TimeIsUp(WorkerGroupCallback):
    """Raises at the first look at the workers after `end_s`; Ray Train then ends them all.

    The process that looks is on the machine of the one that made this, and so is its monotonic clock.
    """

    def __init__(self, end_s: float) -> None:
        self._end_s = end_s

    def after_worker_group_poll_status(self, worker_group_status: Any) -> None:
        """See `WorkerGroupCallback`."""
        if time.monotonic() > self._end_s:
            raise BudgetSpent("the budget has ended")
