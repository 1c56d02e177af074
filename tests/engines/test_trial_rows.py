"""Rows are encoded once for each set of features that trials draw, for train and validation only, and never reread."""

import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
import ray

from raytemplate.code.load import code_in
from raytemplate.engines.ray.data.ingest import encode_again, open_data
from raytemplate.engines.ray.training.rank import TrainRequest
from raytemplate.engines.ray.training.train import lower
from raytemplate.engines.ray.trials.feature_sets import FeatureSets, half_a_store
from raytemplate.engines.ray.trials.talk import ended_by
from raytemplate.engines.ray.trials.trial_rows import RowsLate, made_for
from raytemplate.errors import TrainingFailed
from raytemplate.execution.journal import Journal
from raytemplate.execution.trials import Ended
from raytemplate.models.saved import layout_of
from raytemplate.planning.features import drawn_steps

pytestmark = pytest.mark.ray
FUNCTION = """
import time
from pathlib import Path

NOTES = Path({notes!r})


def add(rows):
    if (NOTES / "broken").exists():
        raise ValueError("no seats today")
    while (NOTES / "slow").exists():
        time.sleep(0.1)
    if len(rows) > 1:
        with (NOTES / "calls").open("a") as file:
            file.write(f"{{len(rows)}}\\n")
    return {{"twice": [2.0 * (seats or 0) for seats in rows["seats"].to_pylist()]}}
"""
PRECIP = "features.columns.precip.transform"
CHANGES = {
    "tuning.space": {PRECIP: "choice(log, none)", "features.columns.dest.min_count": "int(1, 50)"},
    "code.modules": ["own_notes"],
    "features.own": {"build": "own_notes:add", "columns": ["seats"], "gives": {"twice": "numeric"}},
}


@pytest.fixture
def code(demo, tmp_path):
    """A folder with a function that writes down how many rows it was given."""
    text = FUNCTION.format(notes=str(tmp_path))
    (demo / "own_notes.py").write_text(text)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "own_notes.py").write_text(text)
    return tmp_path / "code"


@pytest.fixture
def made(one_ray, code, plan):
    """The plan and its data."""
    plan_ = plan(CHANGES)
    with code_in(code):
        return plan_, open_data(plan_.ingest, None)


def calls(code):
    path = code.parent / "calls"
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def fetched(rows):
    return {name: ray.get(ref) for name, ref in rows.refs.items()}


def same(one, other):
    return all(np.array_equal(one[w][name], other[w][name]) for w in one for name in ("dense", "codes", "target"))


def test_each_set_of_features_is_encoded_once_and_that_of_the_template_at_ingest(made, code):
    _, data = made
    rows = {window.name: window.num_rows for window in data.ingested.snapshot.windows}
    trials, before = FeatureSets(data, code, at_least=3, room_bytes=half_a_store()), len(calls(code))
    own = trials.rows(0, {PRECIP: "log", "training.lr": 0.1})
    first = trials.rows(0, {PRECIP: "none"})
    assert trials.rows(0, {PRECIP: "none", "training.lr": 0.2}) is first
    fetched(first)
    assert own.refs == data.refs
    # Once for the profile of train, then to encode train and validation; never for the test window.
    assert sorted(calls(code)[before:]) == sorted([rows["train"], rows["train"], rows["validation"]])


def test_a_trial_sees_what_a_template_with_its_values_would(made, code):
    plan_, data = made
    values = {PRECIP: "none", "features.columns.dest.min_count": 50}
    rows = FeatureSets(data, code, at_least=3, room_bytes=half_a_store()).rows(0, values)
    stage = replace(plan_.ingest, features=drawn_steps(plan_.ingest, values), keeps_rows=False)
    with code_in(code):
        other = open_data(stage, data.ingested.snapshot)
    assert ray.get(rows.layout) == layout_of(other.ingested.features) != layout_of(data.ingested.features)
    assert same(fetched(rows), {name: ray.get(ref) for name, ref in other.refs.items()})


def test_the_winners_features_are_fitted_to_rows_that_are_not_read_again(made, code, demo):
    plan_, data = made
    steps = drawn_steps(plan_.ingest, {PRECIP: "none"})
    stage = replace(plan_.ingest, features=steps, keeps_rows=False)
    assert data.serves(stage) and not data.serves(replace(stage, drop=""))
    shutil.rmtree(demo / "data")
    with code_in(code):
        again = encode_again(data, stage, data.ingested.snapshot)
    assert again.ingested.snapshot == data.ingested.snapshot and again.ingested.statistics.keys() == {
        "train",
        "validation",
        "test",
    }
    rows = FeatureSets(data, code, at_least=3, room_bytes=half_a_store()).rows(0, {PRECIP: "none"})
    assert same(fetched(rows), {name: ray.get(ref) for name, ref in again.refs.items()})
    assert not again.rows and not again.serves(stage)


def test_those_used_longest_ago_go_where_there_is_no_room(made, code):
    trials = FeatureSets(made[1], code, at_least=2, room_bytes=0.0)
    first, second, third = (trials.rows(0, {"features.columns.dest.min_count": n}) for n in (5, 6, 7))
    fetched(third)
    assert trials.rows(0, {"features.columns.dest.min_count": 7}) is third
    assert trials.rows(0, {"features.columns.dest.min_count": 6}) is second
    assert trials.rows(0, {"features.columns.dest.min_count": 5}) is not first
    trials.close()


def test_what_goes_wrong_is_told_to_the_trial(made, code, tmp_path):
    plan_, data = made
    trials = FeatureSets(data, code, at_least=3, room_bytes=half_a_store())
    (code.parent / "broken").touch()
    request: TrainRequest = lower(plan_.fit, data.ingested.features, Journal(tmp_path), 1.0, 0.0)
    request = replace(request, assignment=replace(request.assignment, made=time.time(), remaining_s=60.0))
    assert made_for(trials.rows(0, {}), request) == request
    with pytest.raises(TrainingFailed, match=r"own_notes:add failed: own_notes\.py:\d+: ValueError: no seats today"):
        made_for(trials.rows(0, {PRECIP: "none"}), request)
    trials.done(0)
    (code.parent / "broken").unlink()
    assert made_for(trials.rows(0, {PRECIP: "none"}), request) == request  # the rows are not the cause


def test_a_trial_waits_for_its_rows_no_longer_than_it_may(made, code, tmp_path):
    plan_, data = made
    trials = FeatureSets(data, code, at_least=3, room_bytes=half_a_store())
    (code.parent / "slow").touch()
    request = lower(plan_.fit, data.ingested.features, Journal(tmp_path), 0.5, time.time())
    late, same_rows = trials.rows(0, {PRECIP: "none"}), trials.rows(1, {PRECIP: "none"})
    began = time.monotonic()
    with pytest.raises(RowsLate, match="not encoded within its time") as caught:
        made_for(late, request)
    assert time.monotonic() - began < 2.0
    assert ended_by(caught.value) == Ended(how="trained", stopped="budget.time", waited=True, problem=str(caught.value))
    trials.done(0)
    assert trials.rows(0, {PRECIP: "none"}) is same_rows, "the other slot waits for them"
    trials.done(0)
    trials.done(1)
    assert trials.rows(0, {PRECIP: "none"}) is not same_rows
    trials.close()
