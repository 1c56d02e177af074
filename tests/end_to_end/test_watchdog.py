"""A run cannot outlast its budget, whatever its process does: a separate process watches the time."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from command_line import (
    alive,
    descendants,
    environment,
    epochs,
    late_at_most_s,
    only_run,
    raytemplate,
    record,
    start,
    wait_for,
)
from small_flights import AS_OF, SHIPPED, as_sets, changed

pytestmark = [pytest.mark.ray, pytest.mark.alone, pytest.mark.slow]

BUDGET_S = 22
NET = """
import ctypes
import time

import torch


class Net(torch.nn.Module):
    def __init__(self, layout):
        super().__init__()
        self.linear = torch.nn.Linear(len(layout.dense), 1)

    def forward(self, dense, codes):
        {waits}
        return self.linear(dense)


def build(layout):
    return Net(layout)
"""
DEAF = """
        while True:
            try:
                time.sleep(0.01)
            except BaseException:
                pass
"""
HOLDS = "ctypes.PyDLL(None).sleep(3600)  # with the lock of the interpreter, as some libraries do\n"


def test_a_run_that_was_stopped_is_ended_with_its_budget_and_all_it_started(demo):
    changes = {"training.epochs": 100_000, "budget.time": f"{BUDGET_S}s"}
    began = time.monotonic()
    process = start("run", SHIPPED.name, "--as-of", AS_OF, *as_sets(changes), cwd=demo)
    wait_for(lambda: (run := only_run(demo)) and epochs(run), process=process)
    below = descendants(process.pid)
    assert any("raylet" in each for each in alive(below))
    os.kill(process.pid, signal.SIGSTOP)
    process.wait(BUDGET_S + 30)
    assert BUDGET_S - 1 < time.monotonic() - began < BUDGET_S + late_at_most_s()
    while alive(below) and time.monotonic() - began < BUDGET_S + late_at_most_s():
        time.sleep(0.1)
    assert alive(below) == []
    end = wait_for_end(demo)
    assert (end["state"], end["exit_code"]) == ("failed", 4)
    assert "the process of the run did not end by itself; it was ended" in end["message"]
    assert_charged_and_refused(demo)


def assert_charged_and_refused(demo):
    """The time that the watchdog saw is spent: nothing can be started any more, however often one resumes."""
    attempts = [json.loads(path.read_text()) for path in only_run(demo).glob("attempt-*.json")]
    assert [BUDGET_S <= each["seen_s"] < BUDGET_S + late_at_most_s() for each in attempts] == [True]
    for _ in range(2):
        again = raytemplate("resume", "last", cwd=demo)
        assert (again.returncode, again.stdout) == (4, "")
        assert "there is no candidate (training is kept up to epoch" in again.stderr
        assert "nothing was started\n  raise budget.time" in again.stderr
    assert len(list(only_run(demo).glob("attempt-*.json"))) == 1


def wait_for_end(demo, limit_s=10):
    """Waits for the record, which is written when the process has gone."""
    until = time.monotonic() + limit_s
    while not (only_run(demo) / "end.json").exists():
        assert time.monotonic() < until, "no record says what happened"
        time.sleep(0.1)
    return record(only_run(demo), "end")


NOTEBOOK = """
import time

from raytemplate import api

planned = api.plan(api.load({template!r}, set={changes!r}), {as_of!r})
began = time.monotonic()
try:
    api.run(planned, quiet=True)
except Exception as error:
    print(type(error).__name__, error.exit_code, time.monotonic() - began)
"""


def own_code(demo, waits):
    """Changes to the template that make a network wait forever during training."""
    (demo / "never.py").write_text(NET.format(waits=waits))
    return {
        "model": {"kind": "torch", "build": "never:build"},
        "code.modules": ["never"],
        "budget.time": f"{BUDGET_S}s",
        "training.epochs": 1,
    }


@pytest.mark.nightly
def test_a_notebook_outlives_code_of_its_project_that_never_comes_back(demo):
    text = NOTEBOOK.format(template=SHIPPED.name, changes=changed(own_code(demo, HOLDS)), as_of=AS_OF)
    (demo / "notebook.py").write_text(text)
    ran = subprocess.run(
        [sys.executable, "notebook.py"], cwd=demo, env=environment(), capture_output=True, text=True, timeout=180
    )
    assert ran.returncode == 0, ran.stderr
    kind, code, took_s = ran.stdout.split()
    assert (kind, code) == ("BudgetSpent", "4")
    assert BUDGET_S - 1 < float(took_s) < BUDGET_S + late_at_most_s()
    assert wait_for_end(demo)["exit_code"] == 4


@pytest.mark.nightly
def test_code_that_never_comes_back_ends_with_the_budget_and_says_so(demo):
    changes = own_code(demo, DEAF)
    began = time.monotonic()
    ran = raytemplate("run", SHIPPED.name, "--as-of", AS_OF, *as_sets(changes), cwd=demo)
    assert BUDGET_S - 1 < time.monotonic() - began < BUDGET_S + late_at_most_s()
    assert ran.returncode == 4, ran.stderr
    assert "budget.time: " in ran.stderr and "training did not end by itself" in ran.stderr
    assert wait_for_end(demo)["exit_code"] == 4
