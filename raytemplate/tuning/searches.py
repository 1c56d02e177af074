"""How values are chosen: Optuna's samplers, by the names that a template uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """A way to choose values."""

    name: str
    """Its name in templates."""

    sampler: Callable[[int], BaseSampler]
    """Makes Optuna's sampler from a seed, where the sweep runs; the same seed gives the same draws."""

    finite_only: bool = False
    """Whether it tries every point of the space, so that each draw needs a list or a step."""

    several_objectives: bool = True
    """Whether it supports more than one objective."""


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
# The sampler is never used: every trial gets a given point.
GRID = Search(name="grid", sampler=_random, finite_only=True)
TPE = Search(name="tpe", sampler=_tpe)
GP = Search(name="gp", sampler=_gp)
CMA_ES = Search(name="cma-es", sampler=_cma_es, several_objectives=False)
