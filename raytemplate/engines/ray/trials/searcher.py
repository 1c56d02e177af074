"""Adapts a Ray Tune searcher to Optuna's sampler interface, since a plug-in may bring either."""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import StudyDirection
from ray import tune
from ray.tune.search import Searcher
from typing_extensions import override

from raytemplate.errors import PlanError

_METRIC = "objective"


class TuneSampler(BaseSampler):
    """Asks the searcher for the values of each trial, once the first trial has shown what is searched.

    Until then values are drawn at random. Values that only some trials draw are always random.

    Args:
        searcher: must not have a space, metric or mode of its own.
        seed: seed of the random values.
    """

    def __init__(self, searcher: Searcher, seed: int) -> None:
        self._searcher, self._random = searcher, RandomSampler(seed=seed)
        self._spaces = IntersectionSearchSpace()
        self._space: dict[str, BaseDistribution] = {}
        self._asked: set[str] = set()

    @override
    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, BaseDistribution]:
        if not self._space and (found := self._spaces.calculate(study)):
            if len(study.directions) > 1:
                raise PlanError(
                    "tuning.search: a searcher of Ray Tune's searches for one objective",
                    next_step="keep one of tuning.objectives, or choose another tuning.search",
                )
            mode = "max" if study.direction == StudyDirection.MAXIMIZE else "min"
            domains = {name: _domain(one) for name, one in found.items()}
            self._searcher.set_search_properties(_METRIC, mode, domains)
            self._space = found
        return self._space

    @override
    def sample_relative(self, study: Any, trial: Any, search_space: Mapping[str, BaseDistribution]) -> dict[str, Any]:
        name = str(trial.number)
        drawn: Any = self._searcher.suggest(name) if search_space else None
        if not isinstance(drawn, dict):  # it has no suggestion now, or has no more
            return {}
        self._asked.add(name)
        return {one: value for one, value in drawn.items() if one in search_space}

    @override
    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: BaseDistribution) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    @override
    def after_trial(self, study: Any, trial: Any, state: Any, values: Sequence[float] | None) -> None:
        name = str(trial.number)
        if name not in self._asked:
            return
        self._asked.discard(name)
        self._searcher.on_trial_complete(name, {_METRIC: values[0]} if values else None, error=not values)


def _domain(one: BaseDistribution) -> Any:
    match one:
        case CategoricalDistribution():
            return tune.choice(list(one.choices))
        case FloatDistribution(step=None):
            return tune.loguniform(one.low, one.high) if one.log else tune.uniform(one.low, one.high)
        case FloatDistribution(step=float(step)):
            return tune.quniform(one.low, one.high, step)
        case IntDistribution(log=True):
            return tune.lograndint(one.low, one.high + 1)
        case IntDistribution():
            return tune.qrandint(one.low, one.high, one.step) if one.step > 1 else tune.randint(one.low, one.high + 1)
        case _:
            raise TypeError(f"no domain of Tune's for {type(one).__name__}")
