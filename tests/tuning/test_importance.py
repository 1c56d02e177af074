"""Which fields distinguish good trials from all of them, and when that cannot be told."""

import subprocess
import sys
from dataclasses import replace

import pytest

from raytemplate.records.codec import Settings
from raytemplate.testing.samples import sample_trials
from raytemplate.tuning.importance import Importance, importance
from raytemplate.tuning.space import Knob

SPACE = (
    Knob(name="training.lr", draw="loguniform(1e-4, 1)"),
    Knob(name="model.hidden", draw="choice(8, 16)"),
    Knob(name="model.dropout", draw="uniform(0, 1)", when=Settings({"model.hidden": 16})),
)
ONE = sample_trials()[0]


def trials(number, validation, **changes):
    """Every combination of thirteen rates and two widths, repeated; the width has no effect."""
    made = []
    for n in range(number):
        values = {"training.lr": 10 ** (-4 + n % 13 / 3), "model.hidden": (8, 16)[n % 2]}
        if n % 2:
            values["model.dropout"] = n * 0.618 % 1
        made.append(
            replace(ONE, number=n + 1, values=Settings(values), validation=validation(**_short(values)), **changes)
        )
    return tuple(made)


def _short(values):
    return {name.rpartition(".")[2]: value for name, value in values.items()}


@pytest.mark.parametrize("higher", [False, True])
def test_the_field_that_decides_has_the_largest_share(higher):
    sign = -1 if higher else 1
    found = importance(SPACE, trials(52, lambda lr, **_: sign * lr), higher_is_better=higher)
    assert found.shares[0][0] == "training.lr" and found.shares[0][1] > 0.8
    assert sum(share for _, share in found.shares) == pytest.approx(1)
    assert {name for name, _ in found.shares} == {knob.name for knob in SPACE}
    assert (found.num_good, found.num_trials, found.unseen, found.why_not) == (6, 52, (), "")


def test_a_field_with_a_condition_is_compared_among_the_trials_that_drew_it():
    found = importance(SPACE, trials(52, lambda dropout=9, **_: dropout), higher_is_better=False)
    assert found.shares[0][0] == "model.dropout"


def test_five_trials_are_good_however_few_there_are():
    assert importance(SPACE, trials(10, lambda lr, **_: lr), higher_is_better=False).num_good == 5


def test_a_field_that_nobody_drew_is_named():
    narrow = tuple(one for one in trials(40, lambda lr, **_: lr) if one.values["model.hidden"] == 8)
    found = importance(SPACE, narrow, higher_is_better=False)
    assert found.unseen == ("model.dropout",) and "model.dropout" not in dict(found.shares)


def test_trials_that_may_not_win_do_not_count():
    good, bad = trials(12, lambda lr, **_: lr), trials(30, lambda lr, **_: -lr, state="diverged")
    assert importance(SPACE, (*good, *bad), higher_is_better=False) == importance(SPACE, good, higher_is_better=False)


@pytest.mark.parametrize(
    ("space", "found", "why"),
    [
        (SPACE[:1], trials(20, lambda lr, **_: lr), "only one field is searched"),
        (SPACE, trials(9, lambda lr, **_: lr), "it takes 10 trials that may win, but there are 9"),
        (SPACE, trials(20, lambda lr, **_: lr, state="failed"), "it takes 10 trials that may win, but there are 0"),
        (SPACE, trials(20, lambda **_: 1.0), "all trials have the same validation metric"),
    ],
    ids=["one field", "few", "failed", "equal"],
)
def test_where_it_cannot_be_said_the_reason_is(space, found, why):
    said = importance(space, found, higher_is_better=False)
    assert said == Importance(why_not=said.why_not) and said.why_not.startswith(why)


def test_scikit_learn_is_not_imported_and_whoever_wants_it_gets_it():
    told = """
import sys
import raytemplate.tuning.ped_anova
print("sklearn" in sys.modules, end=" ")
from optuna.importance import FanovaImportanceEvaluator
FanovaImportanceEvaluator()
print("sklearn" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "True"]
