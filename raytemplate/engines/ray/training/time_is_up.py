"""Ends a worker group whose time is up, from where Ray Train conducts it: a loop that does not ask has no say in it."""

import math
import time
from pathlib import Path

from ray.train import WorkerGroupError

from raytemplate.engines.ray.private.conducting import Change
from raytemplate.errors import BudgetSpent


class TimeIsUp:
    """See `Rule`. Raises at the first look at the workers once there is a file `end`; Ray Train then ends them.

    Args:
        no_start_s: after this, on this machine's monotonic clock, no workers are started in the place of others: there
            is no time for them to train.
    """

    def __init__(self, end: Path, no_start_s: float = math.inf) -> None:
        self._end, self._no_start_s = end, no_start_s

    def looked(self, error: WorkerGroupError | None) -> None:
        """See `Rule`."""
        if self._end.exists():
            raise BudgetSpent("the budget has ended")

    def changed(self, to: Change, error: Exception | None) -> None:
        """See `Rule`."""
        if to != "trains" and time.monotonic() > self._no_start_s:
            raise BudgetSpent("the budget ended before lost workers could be started again")
