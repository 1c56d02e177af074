"""A search whose values lie evenly: Optuna's quasi-random sampler."""

from __future__ import annotations

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, QMCSampler

from raytemplate.tuning.searches import Search


def _sampler(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False, warn_asynchronous_seeding=False)


QUASI_RANDOM = Search(name="quasi-random", sampler=_sampler)
