"""Ends a worker group whose time is up, from Ray Train's controller, so that it works for loops that never ask."""

import math
import time
from pathlib import Path

from ray.train import WorkerGroupError

from raytemplate.engines.ray.private.conducting import Change
from raytemplate.errors import BudgetSpent


class TimeIsUp:
    """A `Rule` that raises at the first poll of the workers after the file `end` exists; Ray Train then ends them.

    Args:
        end: the file.
        no_start_s: moment on this machine's monotonic clock after which no workers are restarted, since there would be
            no time for them to train.
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
