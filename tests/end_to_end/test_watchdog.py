"""A run cannot outlast its budget, whatever its process does: somebody outside keeps the time."""

import os
import signal
import time

import pytest
from command_line import alive, descendants, epochs, only_run, raytemplate, record, start, wait_for
from small_flights import AS_OF, SHIPPED, as_sets

pytestmark = [pytest.mark.ray, pytest.mark.slow]

BUDGET_S = 30
NEVER = """
import time

import torch


class Net(torch.nn.Module):
    def __init__(self, layout):
        super().__init__()
        self.linear = torch.nn.Linear(len(layout.dense), 1)

    def forward(self, dense, codes):
        time.sleep(3600)
        return self.linear(dense)


def build(layout):
    return Net(layout)
"""


def test_a_run_that_was_stopped_is_ended_with_its_budget_and_all_it_started(demo):
    changes = {"training.epochs": 100_000, "budget.time": f"{BUDGET_S}s"}
    began = time.monotonic()
    process = start("run", SHIPPED.name, "--as-of", AS_OF, *as_sets(changes), cwd=demo)
    wait_for(lambda: (run := only_run(demo)) and epochs(run), process=process)
    below = descendants(process.pid)
    assert any("raylet" in each for each in alive(below))
    os.kill(process.pid, signal.SIGSTOP)
    process.wait(BUDGET_S + 30)
    assert BUDGET_S - 1 < time.monotonic() - began < BUDGET_S + 2
    time.sleep(max(0.0, BUDGET_S + 2 - (time.monotonic() - began)))
    assert alive(below) == []
    end = wait_for_end(demo)
    assert (end["state"], end["exit_code"]) == ("failed", 4)
    assert "the process of the run did not end by itself; it was ended" in end["message"]
    again = raytemplate("resume", "last", cwd=demo)
    assert again.returncode in (0, 4, 5), again.stderr  # its last checkpoint may still be judged; nothing is trained


def wait_for_end(demo, limit_s=10):
    """It is written when the process has gone."""
    until = time.monotonic() + limit_s
    while not (only_run(demo) / "end.json").exists():
        assert time.monotonic() < until, "no record says what happened"
        time.sleep(0.1)
    return record(only_run(demo), "end")


def test_code_that_never_comes_back_ends_with_the_budget_and_says_so(demo):
    (demo / "never.py").write_text(NEVER)
    changes = {
        "model": {"kind": "torch", "build": "never:build"}, "code.modules": ["never"], "budget.time": f"{BUDGET_S}s",
        "training.epochs": 1,
    }  # fmt: skip
    began = time.monotonic()
    ran = raytemplate("run", SHIPPED.name, "--as-of", AS_OF, *as_sets(changes), cwd=demo)
    assert time.monotonic() - began < BUDGET_S + 8
    assert ran.returncode == 4, ran.stderr
    assert "budget.time: " in ran.stderr and "training did not end by itself" in ran.stderr
    assert record(only_run(demo), "end")["exit_code"] == 4
