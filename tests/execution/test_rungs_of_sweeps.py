"""Trials are compared within their family, at epochs that do not depend on how many one of them drew."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.budget import Meter
from raytemplate.execution.advisor import Advisor
from raytemplate.planning.stages import SweepStage
from raytemplate.planning.trial import rungs_of, told_every, trial_stage
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.records.swept import TrialRecord
from raytemplate.testing.sample_plans import sample_fit_stage
from raytemplate.testing.simulated_slots import Course, SimulatedSlots, TrialLoop
from raytemplate.tuning.space import Knob

NETWORK = sample_fit_stage(num_epochs=10, training=Settings({"epochs": 10, "lr": 0.1, "seed": 7}))
TREES = replace(
    NETWORK,
    family="lightgbm",
    step="round",
    num_epochs=200,
    model=Settings({"num_trees": 200}),
    training=Settings({"lr": 0.1, "seed": 7}),
)
KIND = Knob(name="model.kind", draw="choice(tabular-mlp, lightgbm)")
LR = Knob(name="training.lr", draw="uniform(0, 1)")
ROUNDS = Knob(name="model.num_trees", draw="int(50, 400)", when=Settings({"model.kind": "lightgbm"}))


def stage(**changes):
    given = {
        "search": "random", "scheduler": "asha", "space": (KIND, LR, ROUNDS), "arms": (NETWORK, TREES),
        "rows_per_s": (1e6, 1e6), "num_trials": 40, "per_trial_s": 0.0, "slots": 1, "refit": False,
        "max_failed": 0.5, "seed": 7,
    }  # fmt: skip
    return SweepStage(**{**given, **changes})


def swept(course, known=(), **changes):
    """The trials by number."""
    asked = stage(**changes)
    slots = SimulatedSlots(num=asked.slots, course=course)
    meter = Meter(limit_s=1e6, limit_usd=1.0, clock=slots.clock, started=0.0)
    advisor = Advisor(stage=asked, num_rows=1000, refit_rows=1000, budget_s=1e6, known=known)
    TrialLoop(slots=slots, advisor=advisor, meter=meter, on_news=lambda now: None, clock=slots.clock).run()
    return sorted(advisor.result(meter, slots.now).trials, key=lambda one: one.number)


def falling(start, end):
    """From one value to another over the trial's epochs, more slowly with a low rate."""

    def course(trial):
        most, rate = trial.stage.num_epochs, 0.2 + trial.stage.training["lr"]
        return Course(
            validations=tuple(end + (start - end) * (1 - n / most) ** rate for n in range(1, most + 1)), epoch_s=0.01
        )

    return course


def by_family(networks, trees):
    return lambda trial: (trees if trial.stage.family == "lightgbm" else networks)(trial)


def states(trials, family):
    return {one.number: one.state for one in trials if one.family == family}


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(scheduler=st.sampled_from(["asha", "median", "hyperband"]), start=st.floats(0.1, 100.0), seed=st.integers(0, 99))
def test_whether_trees_end_early_has_nothing_to_do_with_networks(scheduler, start, seed):
    few = (NETWORK, replace(TREES, num_epochs=40, model=Settings({"num_trees": 40})))
    asked = {"scheduler": scheduler, "seed": seed, "arms": few, "space": (KIND, LR), "num_trials": 24}
    usual, other = (swept(by_family(falling(begin, 6.0), falling(60.0, 6.0)), **asked) for begin in (9.0, start))
    assert states(usual, "lightgbm") == states(other, "lightgbm")


def test_trees_that_learn_slowly_beside_networks_come_to_their_end():
    """The old behaviour: at equal per cent, trees were at 34 and networks at 7, so all trees were ended."""
    trials = swept(by_family(falling(9.0, 6.6), falling(60.0, 6.0)))
    finished = [one for one in trials if one.family == "lightgbm" and one.state == "finished"]
    assert finished and min(trials, key=lambda one: one.validation).family == "lightgbm"


def test_a_familys_rungs_follow_from_the_most_epochs_that_it_may_have():
    assert rungs_of(stage()) == {"tabular-mlp": {1: 10, 3: 30, 9: 90}, "lightgbm": {48: 10, 128: 30, 368: 90}}
    assert rungs_of(stage(space=(KIND, LR)))["lightgbm"] == {24: 10, 64: 30, 184: 90}


@settings(max_examples=200, deadline=None)
@given(
    rounds=st.integers(50, 2000),
    top=st.integers(50, 2000),
    every=st.none() | st.integers(1, 30),
    scheduler=st.sampled_from(["asha", "median", "hyperband"]),
)
def test_a_trial_of_any_number_of_rounds_tells_of_every_rung_below_its_own(rounds, top, every, scheduler):
    top = max(rounds, top, 51)
    arm = replace(TREES, training=Settings({"checkpoint_every": every}))
    knob = replace(ROUNDS, draw=f"int(50, {top})", when=Settings())
    asked = stage(arms=(arm,), space=(knob,), scheduler=scheduler)
    told = told_every(trial_stage(asked, {"model.num_trees": rounds}), rounds)
    assert all(rung % told == 0 for rung in rungs_of(asked)["lightgbm"])
    assert every is not None or rounds // told <= 40


def test_a_trial_is_asked_at_the_rungs_below_its_own_number_also_where_it_was_shortened():
    met = set()
    for per_trial_s in (0.0, 1.5):
        for one in swept(
            falling(60.0, 6.0), arms=(TREES,), space=(LR, replace(ROUNDS, when=Settings())), per_trial_s=per_trial_s
        ):
            at = sorted(int(epoch) for epoch in one.rungs)
            assert at == [rung for rung in (48, 128, 368) if rung < one.num_epochs][: len(at)]
            assert one.state == "pruned" or len(at) == sum(rung < one.epochs for rung in (48, 128, 368))
            met.add((one.num_epochs, *at))
    assert {len(one) for one in met} == {2, 3} and min(met)[0] < 150


GRID = (KIND, Knob(name="training.lr", draw="grid(0.9, 0.1, 0.5, 0.3, 0.7, 0.2, 0.8, 0.6)"))


@pytest.mark.parametrize("scheduler", ["asha", "median", "hyperband"])
@pytest.mark.parametrize("ended", [3, 8, 13])
def test_a_sweep_that_is_resumed_ends_the_same_trials_early(scheduler, ended):
    """The rungs of earlier trials are restored from their records."""
    asked = {"search": "grid", "space": GRID, "scheduler": scheduler}
    course = by_family(falling(9.0, 6.6), falling(60.0, 6.0))
    whole = swept(course, **asked)
    known = tuple(codec.loads(TrialRecord, codec.dumps(one)) for one in whole[:ended])
    again = swept(course, known=known, **asked)
    assert {one.state for one in whole} == {"finished", "pruned"}
    assert [(one.values, one.state, one.rungs) for one in again] == [
        (one.values, one.state, one.rungs) for one in whole
    ]


def test_a_record_by_percent_of_an_earlier_version_is_read_and_nobody_is_compared_with_it():
    now = swept(falling(9.0, 6.0), num_trials=1)[0]
    then = codec.encode(now) | {"compared": {"10": 1e-9, "30": 1e-9}}
    del then["rungs"]
    old = codec.decode(TrialRecord, then)
    assert old.rungs == Settings()
    known = tuple(replace(old, number=number) for number in range(1, 10))
    assert swept(falling(9.0, 6.0), known=known, num_trials=10)[-1].state == "finished"
