"""Trials with several objectives: which no other beats, and which one a rule picks."""

from dataclasses import replace

import pytest

from raytemplate.records.codec import Settings
from raytemplate.testing.samples import sample_trials
from raytemplate.tuning.front import Objective, Pick, front_of, picked

FAST = (Objective(name="mae"), Objective(name="seconds"))


def trial(number, validation, seconds, state="finished"):
    return replace(
        sample_trials()[0], number=number, state=state, validation=validation, also=Settings({"seconds": seconds})
    )


TRIALS = [trial(1, 10.0, 1.0), trial(2, 8.0, 4.0), trial(3, 8.2, 2.0), trial(4, 9.0, 5.0), trial(5, 8.0, 4.0)]


def test_the_front_is_what_no_other_beats():
    assert [one.number for one in front_of(TRIALS, FAST)] == [1, 2, 3, 5]
    assert [one.number for one in front_of([*TRIALS, trial(6, 7.0, 0.5)], FAST)] == [6]
    assert [one.number for one in front_of([*TRIALS, trial(6, 7.0, 0.5, state="failed")], FAST)] == [1, 2, 3, 5]


def test_where_more_is_better_the_higher_is_on_the_front():
    assert [one.number for one in front_of(TRIALS, (Objective(name="auc", higher_is_better=True), FAST[1]))] == [1]


@pytest.mark.parametrize(("within", "number"), [(0.01, 2), (0.05, 3), (0.5, 1)])
def test_the_pick_is_the_best_among_those_near_enough(within, number):
    assert picked(front_of(TRIALS, FAST), FAST, Pick(best="seconds", within=within)).number == number


def test_near_is_a_share_of_a_negative_figure_too():
    r2 = (Objective(name="r2", higher_is_better=True), Objective(name="seconds"))
    trials = [trial(1, -1.0, 3.0), trial(2, -1.04, 2.0), trial(3, -1.2, 1.0)]
    assert picked(front_of(trials, r2), r2, Pick(best="seconds", within=0.05)).number == 2
