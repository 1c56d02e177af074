"""Processes end when the time of their run is over, whatever they do, and a shell sees the exit code of the run's
records, even on a busy machine. Without Ray, which the time keeping does not need."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from command_line import late_at_most_s

LIMIT_S = 2.0
CONDUCT = """
import ctypes, os, sys, time
from dataclasses import replace
from pathlib import Path

from raytemplate.cli.signals import hear_signals
from raytemplate.ending import told_by
from raytemplate.conducting.timekeeper import Timekeeper
from raytemplate.conducting.watchdog import watched
from raytemplate.errors import BudgetSpent
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import write_lock
from raytemplate.testing.sample_plans import sample_plan


def work():
    WORK


hear_signals()
journal, limit_s = Journal(Path(sys.argv[1])), float(sys.argv[2])
plan = sample_plan(limits=replace(sample_plan().limits, time_s=limit_s, usd_per_s=0.01, cost_usd=float(sys.argv[3])))
write_lock(journal, plan, None)
meter = plan.limits.meter(journal.spent(), time.monotonic())
told_by(lambda error: print(error.what, file=sys.stderr) or error.exit_code)
print(time.monotonic(), flush=True)
with (
    journal.attempt(meter) as attempt, watched(journal.folder, attempt, meter),
    Timekeeper(plan, journal, meter, own=True) as keeper,
):
    try:
        work()
    except KeyboardInterrupt as error:
        late = keeper.was_late()
        keeper.failed(late)
        time.sleep(AFTER_S)  # as Ray is left
os._exit(4)
"""
SLEEPS = "time.sleep(60)"
SPINS = "while True: sum(range(100))"
DEAF = """
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            pass
"""
HOLDS = "ctypes.PyDLL(None).sleep(60)"
STOPS = "os.kill(os.getpid(), 19)"


def start(folder, work, *, after_s=0.0, limit_s=LIMIT_S, cost_usd=1.0):
    """A process that works on a run."""
    script = CONDUCT.replace("WORK", work).replace("AFTER_S", str(after_s))
    command = [sys.executable, "-c", script, str(folder), str(limit_s), str(cost_usd)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def conduct(folder, work, **more):
    """Run one to its end; returns its exit code as a shell shows it, seconds from its start, and its output."""
    process = start(folder, work, **more)
    began = float(process.stdout.readline())
    _, said = process.communicate(timeout=60)
    return process.returncode, time.monotonic() - began, said


def end_of(folder, limit_s=5.0):
    """Waits for the file that the watchdog writes once the process has gone."""
    until = time.monotonic() + limit_s
    while not (folder / "end.json").exists():
        assert time.monotonic() < until, "no record says what happened"
        time.sleep(0.05)
    return json.loads((folder / "end.json").read_text())


WAYS = [
    ("spins", SPINS, 0.0, 4, "training did not end by itself"),
    ("sleeps", SLEEPS, 0.0, 4, "training did not end by itself"),
    ("deaf", DEAF, 0.0, 4, "training did not end by itself"),
    ("slow to leave", SPINS, 20.0, 4, "training did not end by itself"),
    ("holds the interpreter", HOLDS, 0.0, -signal.SIGKILL, "the process of the run did not end by itself"),
    ("stopped", STOPS, 0.0, -signal.SIGKILL, "the process of the run did not end by itself"),
]
CANDIDATE = "candidate"


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """Name -> folder, exit code, seconds and output. Four run at a time, since they mostly wait."""
    jobs = {name: (work, {"after_s": after_s}) for name, work, after_s, *_ in WAYS}
    jobs[CANDIDATE] = (f"time.sleep({LIMIT_S + 3})", {})
    folders = {name: tmp_path_factory.mktemp(name.replace(" ", "-")) for name in jobs}
    (folders[CANDIDATE] / "fit.json").write_text("{}")

    with ThreadPoolExecutor(4) as pool:
        begun = {name: pool.submit(conduct, folders[name], work, **more) for name, (work, more) in jobs.items()}
    return {name: (folders[name], *one.result()) for name, one in begun.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "after_s", "shell", "says"), [(n, *rest) for n, _, *rest in WAYS], ids=[w[0] for w in WAYS]
)
def test_a_process_ends_within_two_seconds_of_its_budget_whatever_it_does(ends, name, after_s, shell, says):
    folder, code, took_s, said = ends[name]
    assert (code, LIMIT_S <= took_s < LIMIT_S + late_at_most_s()) == (shell, True), (took_s, said)
    end = end_of(folder)
    assert (end["state"], end["exit_code"]) == ("failed", 4)
    assert says in end["message"]
    spent_s = json.loads((folder / "attempt-1.json").read_text())["seen_s"]
    assert LIMIT_S <= spent_s <= took_s + 0.6
    if shell == 4 and after_s:
        assert says in said  # the final message is printed although the command never got that far


def test_dollars_end_a_process_that_was_stopped_too(tmp_path):
    code, took_s, _ = conduct(tmp_path, STOPS, limit_s=60.0, cost_usd=0.02)  # 0.01 USD a second
    assert (code, 2.0 <= took_s < 2.0 + late_at_most_s()) == (-signal.SIGKILL, True), took_s
    assert end_of(tmp_path)["message"].startswith("budget.cost: 0.02")


@pytest.mark.slow
def test_a_candidate_that_is_there_has_the_time_that_is_kept_to_judge_it(ends):
    folder, code, took_s, _ = ends[CANDIDATE]
    assert (code, took_s > LIMIT_S + 3) == (4, True)
    assert not (folder / "end.json").exists()  # it was not ended


@pytest.mark.nightly
def test_ten_ends_by_the_budget_on_a_busy_machine_are_seen_as_four(tmp_path):
    busy = [subprocess.Popen([sys.executable, "-c", SPINS]) for _ in range(2 * (os.cpu_count() or 1))]
    folders = [tmp_path / str(number) for number in range(10)]
    try:
        for folder in folders:
            folder.mkdir()
        runs = [start(folder, (SPINS, DEAF)[n % 2], after_s=3.0) for n, folder in enumerate(folders)]
        said = [process.communicate(timeout=200)[1] for process in runs]
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert [process.returncode for process in runs] == [4] * 10
    assert [end_of(folder)["exit_code"] for folder in folders] == [4] * 10
    assert [text.count("training did not end by itself") for text in said] == [1] * 10
