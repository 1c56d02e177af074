"""A run that is killed in the middle of an epoch goes on from there, to the same bytes."""

from __future__ import annotations

import pytest
from command_line import epochs, only_run, raytemplate, record, start, wait_for
from small_flights import AS_OF, SHIPPED, as_sets, changed, write_demo

from raytemplate import api

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(400)]
LONG = {"training.epochs": 1, "training.batch_size": 2, "training.checkpoint_minutes": 0.01, "model.dropout": 0.1}


def halves(run):
    return list((run / "checkpoints").glob("half-*"))


def test_a_run_killed_inside_its_only_epoch_ends_as_if_it_had_not_been(one_ray, demo, tmp_path, flights):
    process = start("run", SHIPPED.name, "--as-of", AS_OF, *as_sets(LONG), cwd=demo)
    wait_for(lambda: (run := only_run(demo)) and halves(run), process=process)
    process.kill()
    process.communicate()
    run = only_run(demo)
    assert run is not None and halves(run) and not epochs(run)
    resumed = raytemplate("resume", "last", cwd=demo)
    assert resumed.returncode == 0, resumed.stderr
    assert not halves(run)
    other = write_demo(tmp_path / "whole", flights)
    whole = api.run(api.plan(api.load(other / SHIPPED.name, set=changed(LONG)), AS_OF))
    assert record(run, "fit")["candidate"]["digest"] == whole.fit.candidate.digest
