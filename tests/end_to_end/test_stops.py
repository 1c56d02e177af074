"""Runs that are stopped midway: nothing is promoted, nothing is left running, and resume continues exactly."""

from __future__ import annotations

import os
import shutil
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
    here,
    left_of,
    only_run,
    program_below,
    record,
    start,
    wait_for,
)
from small_flights import AS_OF, MODEL, SHIPPED, as_sets, changed

from raytemplate import api
from raytemplate.ledger.head import Ledger
from raytemplate.planning.look import champion_of
from raytemplate.store.workspace import Workspace

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]

# Small steps make epochs long enough to be interrupted midway.
SLOW_EPOCHS = {"training.epochs": 4, "training.batch_size": 16}
SLOW_TREES = {
    "model.kind": "lightgbm", "model.num_trees": 120, "model.num_leaves": 255, "training.lr": 0.1,
    "training.checkpoint_every": 20,
}  # fmt: skip


def command(changes):
    return ["run", SHIPPED.name, "--as-of", AS_OF, *as_sets(changes)]


def uninterrupted(demo, tmp_path, changes):
    """A run of the same plan in a workspace of its own that is never stopped."""
    place = shutil.copytree(demo, tmp_path / "whole", ignore=shutil.ignore_patterns(".raytemplate"))
    spec = api.load(place / SHIPPED.name, set=changed(changes))
    return api.run(api.plan(spec, AS_OF))


def kill_after_records(demo, changes, number):
    return kill_when(demo, changes, lambda run: len(epochs(run)) >= number)


def kill_when(demo, changes, reached):
    process = start(*command(changes), cwd=demo)
    wait_for(lambda: (run := only_run(demo)) and reached(run), process=process)
    below = descendants(process.pid)
    process.kill()
    process.communicate()
    assert left_of(below) == []
    return only_run(demo)


def test_f03_a_killed_training_of_a_network_goes_on_to_the_very_same_weights(one_ray, demo, tmp_path):
    run = kill_after_records(demo, SLOW_EPOCHS, 2)
    done = [each["epoch"] for each in epochs(run)]
    assert done in ([1, 2], [1, 2, 3]) and not (run / "fit.json").exists()
    resumed = here("resume", "last", cwd=demo)
    assert resumed.returncode == 0, resumed.stderr
    assert [each["epoch"] for each in epochs(run)] == [1, 2, 3, 4]
    assert record(run, "fit")["resumed_from_epoch"] == done[-1]
    whole = uninterrupted(demo, tmp_path, SLOW_EPOCHS)
    candidate = record(run, "fit")["candidate"]
    assert candidate["weights_sha256"] == whole.fit.candidate.weights_sha256
    assert candidate["digest"] == whole.fit.candidate.digest
    assert [each["validation"] for each in epochs(run)] == [each.validation for each in whole.fit.epochs]


@pytest.mark.slow
def test_f03_a_killed_training_of_trees_goes_on_to_the_very_same_trees(one_ray, demo, tmp_path):
    run = kill_after_records(demo, SLOW_TREES, 3)
    resumed = here("resume", "last", cwd=demo)
    assert resumed.returncode == 0, resumed.stderr
    assert [each["epoch"] for each in epochs(run)] == [20, 40, 60, 80, 100, 120]
    assert record(run, "fit")["resumed_from_epoch"] in (60, 80)
    whole = uninterrupted(demo, tmp_path, SLOW_TREES)
    assert record(run, "fit")["candidate"]["digest"] == whole.fit.candidate.digest


@pytest.mark.slow
@pytest.mark.nightly
def test_f03_a_network_killed_inside_an_epoch_goes_on_inside_it_to_the_very_same_weights(one_ray, demo, tmp_path):
    changes = {"training.epochs": 1, "training.batch_size": 8, "training.checkpoint_minutes": 0.005}
    run = kill_when(demo, changes, lambda run: any(run.glob("checkpoints/epoch-00000.*")))
    assert epochs(run) == []
    resumed = here("resume", "last", cwd=demo)
    assert resumed.returncode in (0, 5), resumed.stderr
    whole = uninterrupted(demo, tmp_path, changes)
    assert record(run, "fit")["candidate"]["digest"] == whole.fit.candidate.digest
    assert epochs(run)[0]["train_loss"] == whole.fit.epochs[0].train_loss


def at_start(demo, process):
    wait_for(lambda: only_run(demo), process=process)


def in_ingest(demo, process):
    wait_for(lambda: any("raylet" in each for each in alive(descendants(process.pid))), process=process)
    time.sleep(0.5)


def in_fit(demo, process):
    wait_for(lambda: (run := only_run(demo)) and epochs(run), process=process)


MOMENTS = {"start": at_start, "ingest": in_ingest, "fit": in_fit}


SIGNALS = {"ctrl-c": (signal.SIGINT, 130), "terminate": (signal.SIGTERM, 143)}
EVERY_DAY = {("ctrl-c", "fit")}
NIGHTLY = {("terminate", "fit"), ("ctrl-c", "ingest")}


def how_often(by, name):
    """The mark of a signal at a moment: one is tested every day, and each signal and each moment in `make test-all`."""
    if (by, name) in EVERY_DAY:
        return ()
    return pytest.mark.nightly if (by, name) in NIGHTLY else pytest.mark.slow


STOPS = [
    pytest.param(moment, *SIGNALS[by], id=f"{by}-{name}", marks=how_often(by, name))
    for by in SIGNALS
    for name, moment in MOMENTS.items()
]


@pytest.mark.alone
@pytest.mark.parametrize(("moment", "number", "code"), STOPS)
def test_f24_a_stopped_run_ends_soon_says_how_to_go_on_and_promotes_nothing(demo, moment, number, code):
    process = start(*command(SLOW_EPOCHS), cwd=demo, fresh=True)
    moment(demo, process)
    below = descendants(process.pid)
    began = time.monotonic()
    # Ctrl-C reaches every process of the terminal; a scheduler ends only the one it started.
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 15
    assert process.returncode == code, (out, err)
    run = only_run(demo)
    assert f"run {run.name} is unfinished" in err and "nothing was promoted" in err
    assert err.rstrip().endswith(f"raytemplate resume {run.name}")
    assert "Traceback" not in err
    assert left_of(below) == []
    assert not (run / "end.json").exists() and not (run / "promotion.json").exists()
    assert "no models" in here("models", cwd=demo).stdout.lower()


@pytest.mark.parametrize(
    ("door", "number"),
    [
        pytest.param("fit", signal.SIGTERM, marks=pytest.mark.nightly),
        ("evaluation", signal.SIGINT),
        pytest.param("verdict", signal.SIGTERM, marks=pytest.mark.nightly),
    ],
)
@pytest.mark.slow
def test_f24_a_signal_while_it_is_evaluated_or_judged_either_promotes_and_says_so_or_does_not(
    one_ray, demo, door, number
):
    process = start(*command({"training.epochs": 1}), cwd=demo)
    wait_for(lambda: (run := only_run(demo)) and (run / f"{door}.json").exists(), process=process)
    below = descendants(process.pid)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, err = process.communicate(timeout=60)
    run, champion = only_run(demo), champion_of(MODEL, Workspace(demo))
    assert process.returncode in (0, 130, 143) and "Traceback" not in err and left_of(below) == []
    if process.returncode:
        assert process.returncode == (130 if number == signal.SIGINT else 143)
        assert ("nothing was promoted" in err) == (champion is None)
        assert here("resume", run.name, cwd=demo).returncode == 0
    assert champion_of(MODEL, Workspace(demo)).run_id == run.name
    assert Ledger(Workspace(demo).governance_db).history(MODEL).term == 1
    assert record(run, "end")["exit_code"] == 0


@pytest.mark.slow
@pytest.mark.alone
def test_f24_a_second_ctrl_c_does_not_wait(demo):
    process = start(*command(SLOW_EPOCHS), cwd=demo)
    in_fit(demo, process)
    started = descendants(process.pid)
    os.kill(program_below(process.pid, "raylet"), signal.SIGSTOP)  # Ray's end waits seconds for it
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.3)
    again = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, time.monotonic() - again < 2) == (130, True), err
    assert "nothing was promoted" in err and "Traceback" not in err
    assert left_of(started) == []


SLOW_END = """
import os, signal, time
from raytemplate.cli.signals import hear_signals
from raytemplate.engines.ray.clusters.cluster import LocalRay
from raytemplate.errors import Terminated

hear_signals()
with LocalRay(num_cpus=1, object_store_bytes=200_000_000) as ray:
    ray.wait()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    except Terminated:
        time.sleep(4)
print("ended by itself")
"""


@pytest.mark.slow
def test_a_terminated_process_may_take_more_than_the_three_seconds_after_which_ray_aborts_it(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", SLOW_END], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (0, "ended by itself\n"), ended.stderr


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.alone
def test_ctrl_c_with_two_workers_ends_soon_and_leaves_nothing(demo):
    two = {"resources.workers": 2, "resources.per_worker.cpus": 0.5, "training.epochs": 200}
    process = start(*command(two), cwd=demo)
    in_fit(demo, process)
    below = descendants(process.pid)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, time.monotonic() - began < 15) == (130, True), err
    assert "nothing was promoted" in err
    assert left_of(below) == []


@pytest.mark.slow
def test_a_plan_with_an_unfinished_run_says_so_and_can_go_on_with_it(one_ray, demo):
    process = start(*command(SLOW_EPOCHS), cwd=demo)
    in_fit(demo, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    first = only_run(demo)

    anew = here(*command(SLOW_EPOCHS), cwd=demo)
    assert anew.returncode == 0, anew.stderr
    assert f"Run {first.name} of this plan is unfinished; this is a new run with its own budget." in anew.stderr
    assert f"raytemplate resume {first.name}" in anew.stderr
    assert not (first / "end.json").exists()

    on = here(*command(SLOW_EPOCHS), "--resume", cwd=demo)
    assert on.returncode == 0, on.stderr
    assert record(first, "end")["state"] == "unchanged"
    assert len(list((demo / ".raytemplate" / "runs").iterdir())) == 2
    assert len(list(first.glob("attempt-*.json"))) == 2


def test_a_saved_plan_runs_as_it_was_whatever_became_of_the_template(one_ray, demo):
    planned = here("plan", SHIPPED.name, "--as-of", AS_OF, *as_sets(), "--save", "p.json", cwd=demo)
    name = planned.stdout.split(" plan ")[1].split()[0]
    (demo / SHIPPED.name).write_text("name: edited\n")
    found = here("run", "--plan", "p.json", cwd=demo)
    assert found.returncode == 0, found.stderr
    assert record(only_run(demo), "run")["plan_id"] == name
    assert f"version 1 is the champion of {MODEL}" in found.stdout
    (demo / "data" / "flights" / "2013-01.parquet").write_bytes(b"")
    assert here("run", "--plan", "p.json", cwd=demo).returncode in (2, 7)


@pytest.mark.slow
def test_two_processes_cannot_work_on_one_run(one_ray, demo):
    process = start(*command(SLOW_EPOCHS | {"training.epochs": 60}), cwd=demo)
    in_fit(demo, process)
    found = here("resume", "last", cwd=demo)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert found.returncode == 2
    assert "is being worked on by another process" in found.stderr
