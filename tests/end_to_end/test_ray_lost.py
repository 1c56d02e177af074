"""Ray's processes are killed during a run: it reports and records that, ends with 8, and can be resumed."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
from command_line import descendants, epochs, left_of, only_run, program_below, raytemplate, record, start, wait_for
from small_flights import AS_OF, SHIPPED, as_sets

pytestmark = [pytest.mark.ray, pytest.mark.alone, pytest.mark.timeout(400)]

PROGRAMS = {"raylet": "raylet", "GCS": "gcs_server"}


def reads(run):
    log = run / "log.jsonl"
    return log.exists() and '"stage": "ingest", "event": "stage started"' in log.read_text()


MOMENTS = {"ingest": reads, "fit": epochs}


KILLED = [
    pytest.param("raylet", "ingest", id="raylet-ingest"),
    pytest.param("GCS", "ingest", id="GCS-ingest", marks=pytest.mark.slow),
    pytest.param("raylet", "fit", id="raylet-fit", marks=pytest.mark.nightly),
]


@pytest.mark.parametrize(("name", "stage"), KILLED)
def test_a_ray_that_is_killed_ends_the_run_with_eight_told_and_recorded(demo, name, stage):
    changes = as_sets({"training.epochs": 100})
    process = start("run", SHIPPED.name, "--as-of", AS_OF, *changes, cwd=demo)
    run = wait_for(lambda: only_run(demo), process=process)
    wait_for(lambda: MOMENTS[stage](run), process=process)
    killed, began = program_below(process.pid, PROGRAMS[name]), time.monotonic()
    everything = descendants(process.pid)
    os.kill(killed, signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, time.monotonic() - began < 10) == (8, True), said
    # With little data, reading is often over before the process to kill is found, or no stage has begun.
    stages = "ray|ingest|fit" if stage == "ingest" else stage
    assert re.search(rf"({stages}): Ray has gone in the middle of the work: the {name} was killed", said), said
    assert said.rstrip().endswith(f"raytemplate resume {run.name}")
    end = record(run, "end")
    assert (end["state"], end["exit_code"], end["retry"]) == ("failed", 8, "as it is")
    assert '"event": "run failed"' in (run / "log.jsonl").read_text()
    assert left_of(everything) == []
    if stage == "fit":
        assert "training is kept up to epoch" in said
        resumed = raytemplate("resume", run.name, cwd=demo)
        assert resumed.returncode == 0, resumed.stderr
        assert record(run, "fit")["resumed_from_epoch"] >= 1
