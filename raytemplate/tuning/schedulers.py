"""Which trials end early: Optuna's pruners, one for the trials of each family.

Families count epochs, rounds or steps, and learn in them at different speeds, so trials of different families are
never compared before they have ended. Within a family trials are compared at rungs: epochs derived from the most that
any of its trials may have, so that a trial with fewer epochs is compared at the same rungs, but at fewer of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.study import Study

    from raytemplate.tuning.options import Scheduler

_FIRST, _FACTOR = 10, 3
_BEFORE_MEDIANS = 5


def rungs(scheduler: Scheduler, most_epochs: int, every: int = 1) -> dict[int, int]:
    """Epochs after which a trial waits for the decision whether it continues -> percent of the most epochs, Optuna's
    unit here.

    Args:
        most_epochs: the most epochs that any trial of the family may have.
        every: epochs between two reports of a trial.
    """
    percents = {"none": (), "median": tuple(range(_FIRST, 100, _FIRST))}.get(
        scheduler, tuple(p for p in (_FIRST * _FACTOR**n for n in range(4)) if p < 100)
    )
    found: dict[int, int] = {}
    for percent in percents:
        found.setdefault(every * math.ceil(most_epochs * percent / 100 / every), percent)
    return {epoch: percent for epoch, percent in found.items() if epoch < most_epochs}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One trial in the pruner of its family."""

    study: Study
    """The Optuna study of the family."""

    asked: Any
    """Optuna's trial."""

    rungs: Mapping[int, int]
    """The rungs of the family, see `rungs`."""

    met: dict[str, float]
    """Epoch -> validation metric, for the rungs that the trial has reached."""

    def falls_behind(self, epoch: int, validation: float) -> bool:
        """Whether the trial should stop at this rung, given the trials that reached it before."""
        self.met[str(epoch)] = validation
        self.asked.report(validation, self.rungs[epoch])
        return bool(self.asked.should_prune())

    def end(self, validation: float | None) -> None:
        """Records that the trial ended with this value; None if other trials must not be compared with it."""
        from optuna.trial import TrialState

        self.study.tell(self.asked, validation, state=TrialState.FAIL if validation is None else None)


class Pruners:
    """A pruner for each family, rebuilt from the records if a sweep is resumed.

    Args:
        rungs: the rungs of each family.
        higher_is_better: whether greater values of the compared metric are better.
    """

    def __init__(self, scheduler: Scheduler, rungs: Mapping[str, Mapping[int, int]], *, higher_is_better: bool) -> None:
        self.rungs = rungs
        self._scheduler: Scheduler = scheduler
        self._higher = higher_is_better
        self._studies: dict[str, Study] = {}

    def enter(self, family: str) -> Entry:
        """Adds a trial of that family."""
        study = self._studies.get(family) or self._studies.setdefault(family, self._study())
        return Entry(study=study, asked=study.ask(), rungs=self.rungs[family], met={})

    def _study(self) -> Study:
        import optuna

        return optuna.create_study(
            pruner=_pruner(self._scheduler),
            sampler=optuna.samplers.RandomSampler(),
            direction="maximize" if self._higher else "minimize",
            study_name="sweep",  # hyperband derives a trial's bracket from it
        )


def _pruner(scheduler: Scheduler) -> BasePruner:
    """Optuna's pruner of that name, with percent of the most epochs as the resource."""
    from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner

    match scheduler:
        case "asha":
            return SuccessiveHalvingPruner(min_resource=_FIRST, reduction_factor=_FACTOR)
        case "hyperband":
            return HyperbandPruner(min_resource=_FIRST, max_resource=100, reduction_factor=_FACTOR)
        case "median":
            return MedianPruner(n_startup_trials=_BEFORE_MEDIANS, n_min_trials=_BEFORE_MEDIANS)
        case "none":
            return NopPruner()
