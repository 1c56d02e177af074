"""How values are chosen: samplers of Optuna's, each behind a name that a template may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """A search.

    Args:
        sampler: makes Optuna's sampler from a seed; called where the sweep runs. Same seed, same draws.
        finite_only: whether it tries every point of the space, so that each draw needs a list or a step.
        several_objectives: whether it can search for more than one at once.
    """

    name: str
    sampler: Callable[[int], BaseSampler]
    finite_only: bool = False
    several_objectives: bool = True


def _random(seed: int) -> BaseSampler:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


def _tpe(seed: int) -> BaseSampler:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed)


def _gp(seed: int) -> BaseSampler:
    from optuna.samplers import GPSampler

    return GPSampler(seed=seed)


def _cma_es(seed: int) -> BaseSampler:
    from optuna.samplers import CmaEsSampler

    return CmaEsSampler(seed=seed, warn_independent_sampling=False)


RANDOM = Search(name="random", sampler=_random)
# Its sampler has nothing to choose: every trial is a point that was asked for.
GRID = Search(name="grid", sampler=_random, finite_only=True)
TPE = Search(name="tpe", sampler=_tpe)
GP = Search(name="gp", sampler=_gp)
CMA_ES = Search(name="cma-es", sampler=_cma_es, several_objectives=False)
