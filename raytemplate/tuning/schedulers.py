"""Which trials end early: pruners of Optuna's, asked at shares of a trial's epochs.

Trials of different families count epochs, rounds and steps: they are compared at the same percent of their own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

    from raytemplate.tuning.options import Scheduler

_FIRST, _FACTOR = 10, 3
_BEFORE_MEDIANS = 5


def pruner(scheduler: Scheduler) -> BasePruner:
    """Optuna's pruner of that name, over percent of a trial."""
    from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner

    match scheduler:
        case "asha":
            return SuccessiveHalvingPruner(min_resource=_FIRST, reduction_factor=_FACTOR)
        case "hyperband":
            return HyperbandPruner(min_resource=_FIRST, max_resource=100, reduction_factor=_FACTOR)
        case "median":
            return MedianPruner(n_startup_trials=_BEFORE_MEDIANS)
        case "none":
            return NopPruner()


def rungs(scheduler: Scheduler, num_epochs: int, every: int = 1) -> dict[int, int]:
    """Epochs after which a trial waits to be told whether it goes on -> percent of it done; never the last epoch.

    Args:
        every: epochs between two that the trial tells of.
    """
    percents = {"none": (), "median": tuple(range(_FIRST, 100, _FIRST))}.get(
        scheduler, tuple(p for p in (_FIRST * _FACTOR**n for n in range(4)) if p < 100)
    )
    found: dict[int, int] = {}
    for percent in percents:
        epoch = every * math.ceil(num_epochs * percent / 100 / every)
        if epoch < num_epochs:
            found[epoch] = percent
    return found
