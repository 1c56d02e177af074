"""Runs that are made again from their records, and what stops that."""

from __future__ import annotations

import json
import shutil

import pytest
from command_line import here
from small_flights import AS_OF

import raytemplate as rt
from raytemplate import api
from raytemplate.errors import IntegrityError

pytestmark = [pytest.mark.ray]

SWEPT = {
    "tuning.space.training.lr": "loguniform(1e-3, 1e-1)",
    "tuning.search": "random",
    "tuning.slots": 1,
    "tuning.warm_start": False,
    "budget.trials": 3,
    "training.epochs": 4,
}

TREES = {"model.kind": "lightgbm", "model.num_trees": 40, "training.early_stopping": 5}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        pytest.param(TREES, marks=pytest.mark.slow),
        pytest.param(SWEPT, marks=pytest.mark.slow),
        pytest.param(SWEPT | {"tuning.refit": False}, marks=pytest.mark.slow),
    ],
    ids=["network", "trees", "sweep", "trial"],
)
def test_a_run_is_made_again_bit_for_bit(one_ray, small, demo, changes):
    run = api.run(api.plan(small(changes), AS_OF), quiet=True)
    shutil.rmtree(run.journal.checkpoints, ignore_errors=True)
    shutil.rmtree(run.journal.trial_folders, ignore_errors=True)
    found = rt.reproduce(run, workspace=str(demo), quiet=True)
    assert found.record.same_weights and found.succeeded
    assert {one.name: one.again for one in found.record.metrics} == run.metrics
    assert "made again" in str(rt.show(run.id, workspace=str(demo)))
    assert len(rt.runs(workspace=str(demo)).rows) == 1 and not list((demo / ".raytemplate" / "again").iterdir())


def test_what_changed_is_named_and_nothing_is_trained(one_ray, small, demo):
    run = api.run(api.plan(small(), AS_OF), quiet=True)
    january, bytes_then = (path := demo / "data/flights/2013-01.parquet"), path.read_bytes()
    january.unlink()
    assert_refused(run, demo, str(january.name))
    shutil.copyfile(january.with_name("2013-02.parquet"), january)
    assert_refused(run, demo, str(january.name))
    january.write_bytes(bytes_then)
    stored = demo / ".raytemplate/models" / run.fit.candidate.digest[:2] / run.fit.candidate.digest
    weights = stored / "weights.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    assert_refused(run, demo, "weights.safetensors")
    assert not run.journal.reproductions()


def assert_refused(run, demo, named):
    with pytest.raises(IntegrityError) as caught:
        rt.reproduce(run, workspace=str(demo), quiet=True)
    assert named in caught.value.what


@pytest.mark.slow
def test_a_streamed_run_agrees_in_its_metrics(one_ray, small, demo):
    run = api.run(api.plan(small({"data.ingest": "stream"}), AS_OF), quiet=True)
    found = rt.reproduce(run, workspace=str(demo), tolerance=0.2, quiet=True)
    assert found.succeeded and found.record.inexact.startswith("rows were streamed")


@pytest.mark.slow
def test_the_command_says_whether_it_is_the_same(one_ray, small, demo):
    run = api.run(api.plan(small(), AS_OF), quiet=True)
    told = here("reproduce", "flights-air-time/1", "--json", cwd=demo)
    record = json.loads(told.stdout)["reproduction"]
    assert told.returncode == 0 and record["weights_again"] == record["weights_recorded"]
    assert record["run_id"] == run.id
