"""The promoter copies trials to MLflow before their run is judged. If it is killed, the next one completes them."""

import os
import signal
import time

import pytest

from raytemplate.conducting.beside import Beside
from raytemplate.conducting.promoter import PromoterProcess
from raytemplate.engines.mlflow.mirror import Mirror, tracking_uri
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import write_lock
from raytemplate.store.workspace import Workspace, create, new_run
from raytemplate.testing import sample_plans, samples

PLAN = sample_plans.sample_plan(sweep=sample_plans.sample_sweep_stage())


@pytest.fixture
def journal(tmp_path):
    """A run whose sweep has ended."""
    workspace = Workspace(tmp_path)
    create(workspace)
    Mirror(workspace).open()
    made = Journal(new_run(workspace)[1])
    write_lock(made, PLAN, None)
    made.write(samples.sample_start(run_id=made.run_id))
    made.write(samples.sample_sweep())
    for record in samples.sample_trials():
        made.add_trial(record)
    return made


def runs_in(folder):
    """All of MLflow's runs."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=tracking_uri(Workspace(folder)))
    return client.search_runs([one.experiment_id for one in client.search_experiments()])


def begin_to_copy(journal, folder):
    """A promoter that has copied three trials."""
    promoter = PromoterProcess(Workspace(folder), "", folder / "log", "ada")
    promoter.copy_trials(journal)
    deadline = time.monotonic() + 60
    while len(runs_in(folder)) < 4:
        assert time.monotonic() < deadline and promoter._process.poll() is None, (folder / "log").read_text()
        time.sleep(0.01)
    return promoter


def test_a_killed_promoter_leaves_what_the_next_one_completes(journal, tmp_path):
    promoter = begin_to_copy(journal, tmp_path)
    os.kill(promoter._process.pid, signal.SIGKILL)
    promoter.close()
    with PromoterProcess(Workspace(tmp_path), "", tmp_path / "log", "ada") as promoter:
        promoter.copy_trials(journal)
        promoter.project(journal)  # is answered, the request before is not
    found = runs_in(tmp_path)
    assert len(found) == 13 and len({run.info.run_name for run in found}) == 13
    assert sorted({run.info.status for run in found}) == ["FAILED", "FINISHED", "KILLED"]


def test_nothing_is_left_running_if_the_run_is_never_judged(journal, tmp_path):
    begin_to_copy(journal, tmp_path).close()
    found = runs_in(tmp_path)
    assert 4 <= len(found) <= 13 and "RUNNING" not in {run.info.status for run in found}


def test_work_ends_between_two_steps_and_what_fails_is_told(capsys):
    steps, beside = [], Beside()

    def work(goes_on):
        while goes_on():
            steps.append(1)
            time.sleep(0.001)
        raise OSError("the server has gone")

    beside.begin(work)
    beside.end(10.0)
    count = len(steps)
    assert capsys.readouterr().err == "copying trials to MLflow: OSError: the server has gone\n"
    time.sleep(0.01)
    assert len(steps) == count
