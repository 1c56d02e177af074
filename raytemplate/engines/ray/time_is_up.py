"""Ends a worker group whose time is up, from where Ray Train conducts it: a loop that does not ask has no say in it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ray.train.v2._internal.execution.callback import WorkerGroupCallback

from raytemplate.errors import BudgetSpent


class TimeIsUp(WorkerGroupCallback):
    """Raises at the first look at the workers after `end_s`, or once there is a file `end`; Ray Train then ends them.

    The process that looks is on the machine of the one that made this, and so is its monotonic clock.
    """

    def __init__(self, end_s: float, end: Path | None = None) -> None:
        self._end_s, self._end = end_s, end

    def after_worker_group_poll_status(self, worker_group_status: Any) -> None:
        """See `WorkerGroupCallback`."""
        if time.monotonic() > self._end_s or (self._end and self._end.exists()):
            raise BudgetSpent("the budget has ended")
