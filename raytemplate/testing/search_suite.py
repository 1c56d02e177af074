"""The contract of a search as tests; the author of a search subclasses the suite.

class TestMine(SearchSuite):
    search = "mine"
"""

from functools import cache
from typing import Any, ClassVar

import optuna
from optuna.trial import TrialState

from raytemplate import plugins
from raytemplate.records.codec import Settings
from raytemplate.tuning.searches import Search
from raytemplate.tuning.space import Knob, can_draw, draw_all

SPACE = (
    Knob(name="model.kind", draw="choice(lightgbm, tabular-mlp)"),
    Knob(name="training.lr", draw="loguniform(1e-4, 1e-1)"),
    Knob(name="model.dropout", draw="quniform(0, 0.5, 0.1)"),
    Knob(name="model.num_trees", draw="int(50, 400)", when=Settings({"model.kind": "lightgbm"})),
    Knob(name="model.hidden", draw="choice(64, 128)", when=Settings({"model.kind": "tabular-mlp"})),
)
FINITE = (Knob(name="model.hidden", draw="grid(64, 128)"), Knob(name="model.layers", draw="int(1, 3)"))
_TRIALS = 13  # many searches begin with ten random trials


class SearchSuite:
    """What every search must do."""

    search: ClassVar[str]
    """Its name in `plugins.py` or among the entry points."""

    def test_it_draws_what_the_space_allows_and_nothing_else(self) -> None:
        for values in _drawn_once(type(self), 7):
            assert can_draw(self._space(), values), values

    def test_the_same_seed_and_results_give_the_same_values(self) -> None:
        assert self._drawn(seed=7) == _drawn_once(type(self), 7)

    def test_another_seed_gives_other_values(self) -> None:
        assert self._drawn(seed=8) != _drawn_once(type(self), 7)

    def test_values_that_are_asked_for_are_taken_first(self) -> None:
        study = self._study(seed=7)
        wanted = self._drawn(seed=3, trials=2)
        for values in wanted:
            study.enqueue_trial(values)
        assert [draw_all(self._space(), study.ask()) for _ in wanted] == wanted

    def test_trials_that_failed_and_several_at_once_are_borne(self) -> None:
        study = self._study(seed=7)
        for _ in range(_TRIALS // 2):
            open_ = [(trial, draw_all(self._space(), trial)) for trial in (study.ask(), study.ask(), study.ask())]
            assert all(can_draw(self._space(), values) for _, values in open_)
            for (trial, _), state in zip(
                open_, (TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE), strict=True
            ):
                study.tell(trial, None if state == TrialState.FAIL else float(trial.number), state=state)

    def _search(self) -> Search:
        return plugins.load(plugins.SEARCHES, self.search)

    def _space(self) -> tuple[Knob, ...]:
        return FINITE if self._search().finite_only else SPACE

    def _study(self, seed: int) -> optuna.Study:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        return optuna.create_study(sampler=self._search().sampler(seed))

    def _drawn(self, seed: int, trials: int = _TRIALS) -> list[dict[str, Any]]:
        """The values of successive trials, each told its result before the next is drawn."""
        study, found = self._study(seed), list[dict[str, Any]]()
        for number in range(trials):
            trial = study.ask()
            found.append(dict(draw_all(self._space(), trial)))
            study.tell(trial, float((number * 7) % 11))
        return found


@cache
def _drawn_once(suite: type[SearchSuite], seed: int) -> list[dict[str, Any]]:
    """As `_drawn`, but computed once for all tests of a suite: some searches take seconds."""
    return suite()._drawn(seed)  # pyright: ignore[reportPrivateUsage]
