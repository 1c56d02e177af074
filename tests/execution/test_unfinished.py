"""Training that ended while validation was still improving is reported, with the field to raise."""

from dataclasses import replace

import pytest

from raytemplate.execution import unfinished
from raytemplate.planning.stages import SweepStage
from raytemplate.records.codec import Settings
from raytemplate.records.swept import TrialRecord
from raytemplate.testing.sample_plans import sample_fit_stage
from raytemplate.tuning.space import Knob

TREES = sample_fit_stage(family="lightgbm", step="round", num_epochs=200, model=Settings({"num_trees": 200}))
NETWORK = sample_fit_stage(num_epochs=20, training=Settings({"epochs": 20, "lr": 0.1}))
LINEAR = sample_fit_stage(family="linear", step="step", num_epochs=400, model=Settings({"max_steps": 400}))


@pytest.mark.parametrize(
    ("stage", "best", "last", "stopped", "expected"),
    [
        (TREES, 200, 200, "epochs", "the best round is the last of 200: raise model.num_trees"),
        (TREES, 190, 200, "epochs", "the best round is 190, among the last of 200: raise model.num_trees"),
        (TREES, 170, 200, "epochs", None),
        (TREES, 150, 180, "early stopping", None),
        (TREES, 179, 180, "early stopping", None),
        (NETWORK, 20, 20, "epochs", "the best epoch is the last of 20: raise training.epochs"),
        (NETWORK, 7, 7, "budget.time", "the best epoch is the last of 7 trained, of 20 asked for: raise budget.time"),
        (NETWORK, 3, 7, "budget.cost", None),
        (LINEAR, 400, 400, "epochs", "the best step is the last of 400: raise model.max_steps"),
        (LINEAR, 31, 31, "epochs", None),
        (replace(TREES, with_validation=True), 200, 200, "epochs", None),
    ],
    ids=[
        "last",
        "near the last",
        "before",
        "early",
        "early and late",
        "network",
        "budget",
        "budget, and before",
        "linear",
        "converged",
        "nothing was chosen",
    ],
)
def test_a_training(stage, best, last, stopped, expected):
    said = unfinished.of_training(stage, best=best, last=last, stopped=stopped)
    assert said == ((expected,) if expected else ())


TREES_KNOB = Knob(name="model.num_trees", draw="int(50, 400)")
LR = Knob(name="training.lr", draw="loguniform(1e-3, 1)")
END = "model.num_trees 400 is at the end of its range, int(50, 400): widen it"


def winner(values, *, best, epochs, num_epochs, state="finished"):
    return TrialRecord(
        number=7,
        values=Settings(values),
        family="lightgbm",
        state=state,
        epochs=epochs,
        num_epochs=num_epochs,
        best_epoch=best,
        validation=5.0,
        planned_s=1.0,
        actual_s=1.0,
    )


@pytest.mark.parametrize(
    ("values", "course", "expected"),
    [
        ({"model.num_trees": 400}, {"best": 400, "epochs": 400, "num_epochs": 400}, (END,)),
        ({"model.num_trees": 400}, {"best": 150, "epochs": 400, "num_epochs": 400}, ()),
        ({"model.num_trees": 300}, {"best": 300, "epochs": 300, "num_epochs": 300}, ()),
        (
            {"model.num_trees": 300},
            {"best": 45, "epochs": 45, "num_epochs": 45},
            ("trial 7 won: the best round is the last of 45 trained, of 300 asked for: raise budget.time",),
        ),
        (
            {"model.num_trees": 300},
            {"best": 90, "epochs": 90, "num_epochs": 300, "state": "cut"},
            ("trial 7 won: the best round is the last of 90 trained, of 300 asked for: raise budget.time",),
        ),
        (
            {"training.lr": 0.98},
            {"best": 60, "epochs": 200, "num_epochs": 200},
            ("training.lr 0.98 is at the end of its range, loguniform(1e-3, 1): widen it",),
        ),
        (
            {"training.lr": 0.1},
            {"best": 200, "epochs": 200, "num_epochs": 200},
            ("trial 7 won: the best round is the last of 200: raise model.num_trees",),
        ),
    ],
    ids=[
        "end of the range",
        "early best at the end",
        "inside the range",
        "shortened",
        "cut",
        "rate at its end",
        "not searched",
    ],
)
def test_the_winner_of_a_sweep(values, course, expected):
    sweep = SweepStage(
        search="random",
        scheduler="none",
        space=(TREES_KNOB, LR),
        arms=(TREES,),
        rows_per_s=(1000.0,),
        num_trials=4,
        per_trial_s=0.0,
        slots=1,
        refit=True,
        max_failed=0.5,
        seed=7,
    )
    assert unfinished.of_winner(sweep, winner(values, **course)) == expected
