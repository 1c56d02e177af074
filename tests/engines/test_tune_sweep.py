"""Sweeps on Ray Tune: what runs where, what is ended when, and that nothing is left."""

import _thread
import os
import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import ray
from command_line import alive
from ray import tune
from ray.util import placement_group_table

from raytemplate.budget import Meter
from raytemplate.engines.ray.data.ingest import open_data
from raytemplate.engines.ray.trials.tuner import run_sweep
from raytemplate.execution.advisor import GRACE_S, Advisor
from raytemplate.execution.journal import Journal

pytestmark = [pytest.mark.ray, pytest.mark.alone]
SPACE = {
    "tuning.space": {"training.lr": "uniform(0.1, 0.9)"}, "tuning.search": "random", "tuning.scheduler": "none",
    "tuning.slots": 2, "tuning.refit": False, "training.epochs": 1, "training.early_stopping": None,
}  # fmt: skip


@pytest.fixture
def sweep(one_ray, plan, tmp_path):
    """Runs a sweep of a loop; returns its advisor's records and its journal. Whatever it raises, nothing is left."""

    def run(loop, changes=None, *, limit_s=60.0, on_trial=lambda record: None, ours=True):
        made = plan(SPACE | (changes or {}))
        stage = replace(made.sweep, arms=tuple(replace(arm, loop=f"trial_loops:{loop}") for arm in made.sweep.arms))
        data, journal = open_data(made.ingest, None), Journal(tmp_path / "run")
        journal.folder.mkdir(exist_ok=True)
        records = []

        def ended(record, best, left_s):
            records.append(record)
            on_trial(record)

        advisor = Advisor(
            stage=stage,
            num_rows=1,
            refit_rows=1,
            budget_s=limit_s,
            on_trial=ended,
            on_begin=lambda begun: journal.trial(begun.number).folder.mkdir(parents=True, exist_ok=True),
        )
        meter = Meter(limit_s=limit_s, limit_usd=1.0)
        try:
            run_sweep(stage, data, journal, advisor, meter, lambda news: None, ours=ours)
        finally:
            nothing_is_left()
        return records, journal

    return run


def nothing_is_left(within_s=3.0):
    """Asserts that no actor and no placement group is left."""
    from ray._private.state import actors

    def there():
        groups = [one for one in placement_group_table().values() if one["state"] != "REMOVED"]
        names = [one["ActorClassName"] for one in actors().values() if one["State"] != "DEAD"]
        return groups, [name for name in names if name[0] != "_"]  # names that begin with "_" are Ray Data's, and stay

    end = time.monotonic() + within_s
    while there() != ([], []) and time.monotonic() < end:
        time.sleep(0.1)
    assert there() == ([], [])


def pids(journal):
    return [int(path.read_text()) for path in sorted(journal.trial_folders.glob("*/checkpoints/*/pid"))]


def test_trials_use_all_slots_and_their_actors_again(sweep):
    records, journal = sweep("short_epochs", {"budget.trials": 12, "training.epochs": 100})
    assert [(one.state, one.epochs) for one in records] == [("finished", 100)] * 12
    assert len(set(pids(journal))) == 2


def test_a_trial_takes_no_longer_than_its_epochs_and_learns_what_it_drew(sweep):
    records, _ = sweep("empty", {"budget.trials": 20})
    assert all(one.validation == one.values["training.lr"] for one in records)
    assert sorted(one.actual_s for one in records)[10] < 0.2


@pytest.mark.slow
def test_each_start_is_an_experiment_that_tune_opens(sweep):
    _, journal = sweep("empty", {"budget.trials": 3})
    shutil.rmtree(journal.trial_folders)
    records, _ = sweep("empty", {"budget.trials": 2, "tracking.tensorboard": "yes"})
    first, second = (tune.ExperimentAnalysis(str(path)) for path in sorted((journal.folder / "tune").iterdir()))
    assert (len(first.trials), len(second.trials)) == (3, 2)
    frame = second.dataframe(metric="mae", mode="min").set_index("config/trial")
    for one in records:
        assert frame.loc[one.number, "mae"] == one.validation
        assert frame.loc[one.number, "config/training.lr"] == one.values["training.lr"]
    assert len(list((journal.folder / "tune" / "start-2").glob("*/events.out.tfevents.*"))) == 2
    assert list((journal.folder / "tune" / "start-1").glob("*/events.out.tfevents.*")) == []


@pytest.mark.parametrize("loop", [pytest.param("sleeps", marks=pytest.mark.slow), "holds_the_interpreter"])
def test_a_trial_that_outlasts_its_time_is_gone_soon_after(sweep, loop):
    records, journal = sweep(loop, {"budget.trials": 1, "budget.per_trial": "2s"})
    (trial,) = records
    assert (trial.state, trial.epochs) == ("cut", 1)
    assert trial.actual_s < 2.0 + GRACE_S + 0.5
    (pid,) = pids(journal)
    end = time.monotonic() + 2.0
    while alive([pid]) and time.monotonic() < end:
        time.sleep(0.05)
    assert alive([pid]) == []


def test_a_trial_that_raises_has_failed_and_its_actor_runs_the_next(sweep):
    records, _ = sweep("raises", {"budget.trials": 4})
    assert [(one.state, one.problem) for one in records] == [("failed", "ValueError: no luck today")] * 4


def test_whoever_interrupts_it_does_not_wait_for_its_trials(sweep):
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    threading.Timer(4.0, _thread.interrupt_main).start()
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            sweep("sleeps", {"budget.trials": 4})
    finally:
        signal.signal(signal.SIGINT, ignored)
    assert time.monotonic() - began < 4.0 + 5.0


def test_what_goes_wrong_with_its_records_is_raised_as_it_is(sweep):
    def full(record):
        raise OSError(28, "no space left")

    with pytest.raises(OSError, match="no space left"):
        sweep("empty", {"budget.trials": 8}, on_trial=full)


@pytest.mark.slow
def test_what_is_told_to_tune_is_gone_afterwards(sweep, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a marker of this test")
    before = dict(os.environ)
    _, journal = sweep("empty", {"budget.trials": 2}, ours=False)
    assert dict(os.environ) == before
    session = Path(ray._private.worker.global_worker.node.get_session_dir_path())
    told = [
        path
        for folder in (session, journal.folder)
        for path in folder.rglob("*")
        if path.is_file() and b"a marker of this test" in path.read_bytes()
    ]
    assert told == []
