"""A plug-in's search may be a Ray Tune searcher, which fulfils the same contract as an Optuna sampler."""

import optuna
import pytest
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from raytemplate.engines.ray.trials.searcher import TuneSampler
from raytemplate.errors import PlanError
from raytemplate.testing.search_suite import SearchSuite
from raytemplate.tuning.searches import Search


class TestSearcherOfTune(SearchSuite):
    """Tune's own wrapper of Optuna's TPE, as a plug-in would provide it."""

    search = "tune"

    def _search(self):
        return Search(name="tune", sampler=lambda seed: TuneSampler(OptunaSearch(seed=seed), seed))


class Notes(Searcher):
    """Always suggests the middle, and notes what it is told."""

    def __init__(self):
        super().__init__()
        self.space, self.told, self.heard = {}, "", []

    def set_search_properties(self, metric, mode, config, **spec):
        self.space, self.told = config, mode
        return True

    def suggest(self, trial_id):
        return {"x": 0.5, "n": 3, "of no interest": 1}

    def on_trial_complete(self, trial_id, result=None, error=False):
        self.heard.append((trial_id, result, error))


def draw(trial):
    return trial.suggest_float("x", 0.0, 1.0), trial.suggest_int("n", 1, 9, step=2)


def test_it_is_told_the_space_and_what_became_of_what_it_said():
    notes = Notes()
    study = optuna.create_study(sampler=TuneSampler(notes, 7), direction="maximize")
    first = study.ask()
    drawn = draw(first)
    study.tell(first, 1.0)
    assert notes.space == {} and drawn != (0.5, 3)  # it is not known yet what is drawn
    good, bad = study.ask(), study.ask()
    assert draw(good) == draw(bad) == (0.5, 3)
    study.tell(good, 2.0)
    study.tell(bad, state=optuna.trial.TrialState.FAIL)
    assert (notes.told, set(notes.space), notes.space["x"].lower, notes.space["x"].upper) == ("max", {"x", "n"}, 0, 1)
    assert notes.heard == [(str(good.number), {"objective": 2.0}, False), (str(bad.number), None, True)]


def test_several_objectives_are_refused_in_words():
    study = optuna.create_study(sampler=TuneSampler(Notes(), 7), directions=["minimize", "maximize"])
    trial = study.ask()
    draw(trial)
    study.tell(trial, (1.0, 2.0))
    with pytest.raises(PlanError, match="searches for one objective"):
        draw(study.ask())
