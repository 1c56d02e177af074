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


def percent(epoch: int, num_epochs: int) -> int:
    """How much of a trial is done, in whole percent, at least 1."""
    return max(1, math.floor(100 * epoch / num_epochs))


def asked_at(scheduler: Scheduler, num_epochs: int) -> tuple[int, ...]:
    """Epochs after which a trial waits to be told whether it goes on; the last one is none of them."""
    if scheduler == "none":
        return ()
    if scheduler == "median":
        return tuple(range(1, num_epochs))
    rungs = [_FIRST * _FACTOR**n for n in range(4) if _FIRST * _FACTOR**n < 100]
    return tuple(dict.fromkeys(e for r in rungs if (e := math.ceil(num_epochs * r / 100)) < num_epochs))
