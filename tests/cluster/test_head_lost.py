"""A head is killed while in use: a clear error, exit code 8, and the run can be resumed on another head."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import COMMAND, descendants, epochs, only_run, record, wait_for
from head import running_head
from small_flights import AS_OF, SHIPPED, as_sets

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(400)]

MOST_S = 75
SLOW = {"training.epochs": 200, "budget.time": "5m", "data.windows.train": "25d"}


def submitting(head, demo, storage):
    changes = as_sets(SLOW | {"tracking.storage": str(storage)})
    process = subprocess.Popen(
        [COMMAND, "submit", SHIPPED.name, "--address", head.jobs, "--as-of", AS_OF, *changes],
        cwd=demo,
        env=head.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    run = wait_for(lambda: only_run(demo), process=process)
    wait_for(lambda: len(epochs(storage / "runs" / run.name)) > 2, process=process)
    return process, run


def test_a_head_that_is_lost_under_a_submitted_job_is_told_within_75_s_and_another_goes_on(demo, tmp_path):
    storage = tmp_path / "shared"
    storage.mkdir()
    with running_head() as head:
        process, run = submitting(head, demo, storage)
        head.stop()
        began = time.monotonic()
        _, said = process.communicate(timeout=120)
        assert (process.returncode, time.monotonic() - began < MOST_S) == (8, True), said
    assert f"the cluster at {head.jobs} does not answer" in said
    assert f"raytemplate resume {run.name}" in said.splitlines()[-1]
    assert "HTTPConnectionPool" not in said and "Traceback" not in said
    assert (record(run, "end")["exit_code"], record(run, "end")["retry"]) == (8, "as it is")
    again = head.raytemplate("resume", run.name, cwd=demo)
    assert (again.returncode, f"resume {run.name} --address" in again.stderr) == (8, True), again.stderr
    with running_head() as other:
        moved = other.raytemplate("resume", run.name, "--address", other.jobs, cwd=demo)
        assert moved.returncode in (0, 5), moved.stderr
        assert record(run, "fit")["resumed_from_epoch"] > 2
        assert (record(run, "run")["moved_from"], record(run, "job")["address"]) == ([head.jobs], other.jobs)


def test_a_raylet_that_is_killed_under_a_run_on_a_ray_that_was_here_ends_it_with_8_and_another_goes_on(demo):
    with running_head() as head:
        process = subprocess.Popen(
            [COMMAND, "run", SHIPPED.name, "--address", "auto", "--as-of", AS_OF, *as_sets(SLOW)],
            cwd=demo,
            env=head.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        run = wait_for(lambda: only_run(demo), process=process)
        wait_for(lambda: epochs(run), process=process)
        names = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0] for pid in descendants(head.pid)}
        os.kill(next(pid for pid, name in names.items() if name.endswith(b"/raylet")), signal.SIGKILL)
        began = time.monotonic()
        _, said = process.communicate(timeout=120)
        assert (process.returncode, time.monotonic() - began < MOST_S) == (8, True), said
        assert f"raytemplate resume {run.name}" in said and "the raylet was killed" in said
        assert record(run, "end")["exit_code"] == 8
    with running_head() as other:
        moved = other.raytemplate("resume", run.name, "--address", other.address, cwd=demo)
        assert moved.returncode in (0, 5), moved.stderr
        assert record(run, "fit")["resumed_from_epoch"] >= 1
        assert (record(run, "run")["moved_from"], record(run, "run")["address"]) == (["auto"], other.address)
