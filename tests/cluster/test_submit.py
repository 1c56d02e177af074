"""`submit`: the cluster works, the records are brought back, and the command's machine judges and promotes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import COMMAND, epochs, hear_ctrl_c, only_run, record, wait_for
from own_project import CHANGES, LIGHTNING, without_package, write_package
from small_flights import AS_OF, MODEL, SHIPPED, as_sets

from raytemplate.execution.artifacts import MODEL_CARD
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.head import Ledger
from raytemplate.records.judged import Actor

pytestmark = [pytest.mark.cluster, pytest.mark.ray]


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """A folder that both sides see, far from the workspace."""
    folder = tmp_path / "shared"
    folder.mkdir()
    return folder


def options(head, storage, changes=None):
    named = {"tracking.storage": str(storage)} | (changes or {})
    return ["--address", head.jobs, "--as-of", AS_OF, *as_sets(named)]


def submit(head, demo, storage, *more, changes=None, **environ):
    return head.raytemplate("submit", SHIPPED.name, *options(head, storage, changes), *more, cwd=demo, **environ)


def submitting(head, demo, storage, changes):
    """The command while it follows its job, and the run, which has trained for some epochs."""
    process = subprocess.Popen(
        [COMMAND, "submit", SHIPPED.name, *options(head, storage, changes)],
        cwd=demo,
        env=head.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )
    run = wait_for(lambda: only_run(demo), process=process)
    wait_for(lambda: len(epochs(storage / "runs" / run.name)) > 2, process=process)
    return process, run


def jobs_of(head):
    import requests

    found = requests.get(f"{head.jobs}/api/jobs/", headers={"Authorization": f"Bearer {head.token}"}, timeout=10).json()
    return [job["submission_id"] for job in found if job["submission_id"]]


FAMILIES = {
    "linear": {"model.kind": "linear"},
    "lightgbm": {"model.kind": "lightgbm", "model.num_trees": 30, "training.lr": 0.2},
    "xgboost": {"model.kind": "xgboost", "model.num_trees": 30, "training.lr": 0.2},
    "torch": CHANGES,
    "lightning": LIGHTNING,
}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_trained_there_with_a_persons_own_code_and_predicts_here(head, demo, storage, family):
    write_package(demo)
    sets = as_sets(FAMILIES[family] | {"tracking.storage": str(storage), "contract.artifacts": ["model", "model-card"]})
    ran = head.raytemplate("submit", SHIPPED.name, "--address", head.jobs, "--as-of", AS_OF, *sets, cwd=demo)
    assert ran.returncode == 0, ran.stderr
    run = only_run(demo)
    assert record(run, "fit")["candidate"]["family"] == family
    assert "version 1 became the champion" in (run / MODEL_CARD).read_text()
    without_package(demo)
    done = head.raytemplate("predict", MODEL, "data/flights/2013-02.parquet", "out.parquet", cwd=demo)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_detached_and_asked_for_later_with_one_key(head, demo, storage):
    sent = submit(head, demo, storage, "--detach", "--key", "nightly")
    assert sent.returncode == 0, sent.stderr
    run = sent.stdout.split()[0]
    twice = submit(head, demo, storage, "--detach", "--key", "nightly")
    assert twice.stdout.split()[0] == run
    elsewhere = shutil.copytree(demo, demo.with_name("elsewhere"), ignore=shutil.ignore_patterns(".raytemplate"))
    assert submit(head, elsewhere, storage, "--detach", "--key", "nightly").stdout.split()[0] == run
    other = submit(head, demo, storage, "--detach", "--key", "nightly", changes={"training.epochs": 3})
    assert (other.returncode, f"already used by run {run}" in other.stderr) == (2, True)
    assert len(list((demo / ".raytemplate" / "runs").iterdir())) == 1
    followed = head.raytemplate("logs", run, "--follow", cwd=demo)
    assert followed.returncode == 0 and "raytemplate.conducting.job" in followed.stdout
    assert "fit" in head.raytemplate("show", run, cwd=demo).stdout
    shown = head.raytemplate("resume", run, cwd=elsewhere)
    assert (shown.returncode, "Approved: version 1" in shown.stdout) == (0, True), shown.stderr
    promoted = head.raytemplate("promote", run, "--reason", "looks good", cwd=demo)
    assert promoted.returncode == 0, promoted.stderr
    assert record(only_run(demo), "end")["state"] == "approved"
    assert len([job for job in jobs_of(head) if job == record(only_run(demo), "job")["submission_id"]]) == 1


@pytest.mark.slow
def test_ctrl_c_stops_the_job_and_resume_goes_on(head, demo, storage):
    slow = {"training.epochs": 150, "data.windows.train": "25d"}
    process, run = submitting(head, demo, storage, slow)
    shared = storage / "runs" / run.name
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=90)
    assert process.returncode == 130, said
    assert f"raytemplate resume {run.name}" in said and "training is kept up to epoch" in said
    kept = len(epochs(shared))
    time.sleep(2)
    assert len(epochs(shared)) == kept
    resumed = head.raytemplate("resume", run.name, cwd=demo)
    assert resumed.returncode == 0, resumed.stderr
    assert record(run, "fit")["resumed_from_epoch"] > 2
    assert record(run, "job")["attempt"] == 2


@pytest.mark.slow
def test_a_champion_that_moves_meanwhile_is_compared_with_there_without_training(head, demo, storage):
    process, run = submitting(head, demo, storage, {"training.epochs": 20, "data.windows.train": "25d"})
    ledger = Ledger(demo / ".raytemplate" / "governance.db")
    grounds = Grounds(plan="p", snapshot="s", evaluation_sha256="e")
    # Its bytes do not exist: any candidate compared with it is rejected.
    ledger.promote(MODEL, "d" * 64, "k7q2", datetime(2013, 1, 1, tzinfo=UTC), 0, Actor(name="ada"), grounds)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 5, said
    assert "evaluated again" in said
    assert (record(run, "job")["attempt"], record(run, "evaluation")["champion_ref"]["version"]) == (2, 1)
    assert [epoch["epoch"] for epoch in epochs(run)] == list(range(1, 21))
    assert (ledger.history(MODEL).term, record(run, "end")["state"]) == (1, "rejected")


@pytest.mark.slow
def test_a_job_that_stands_still_is_ended_by_its_watchdog_and_told_as_its_budget(head, demo, storage):
    import psutil

    slow = {
        "training.epochs": 10_000,
        "budget.time": "60s",
    }  # counted from the command, including the time to send the job
    began = time.monotonic()
    process, run = submitting(head, demo, storage, slow)
    job = ["-m", "raytemplate.conducting.job", str(storage), run.name]
    (there,) = [one for one in psutil.process_iter(["cmdline"]) if (one.info["cmdline"] or [])[1:] == job]
    there.send_signal(signal.SIGSTOP)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, there.is_running()) == (4, False), said
    assert "the process of the run did not end by itself; it was ended" in said and "budget.time" in said
    assert time.monotonic() - began < 75
    assert record(run, "end")["exit_code"] == 4


@pytest.mark.slow
def test_a_plan_for_the_jobs_api_ends_with_the_submit_that_sends_it(head, demo, storage):
    typed = options(head, storage)
    planned = head.raytemplate("plan", SHIPPED.name, *typed, cwd=demo)
    assert planned.returncode == 0, planned.stderr
    last = planned.stdout.rstrip().splitlines()[-1]
    assert last.startswith(f"  raytemplate submit {SHIPPED.name} --as-of {AS_OF} --set ")
    assert last.endswith(f"--address {head.jobs}") and f"tracking.storage={storage}" in last
    refused = head.raytemplate("run", SHIPPED.name, *typed, cwd=demo)
    assert refused.returncode == 2 and refused.stderr.rstrip().endswith(last.strip()), refused.stderr
    assert only_run(demo) is None


def test_storage_that_is_not_named_is_exit_3_with_what_to_set(head, demo):
    unset = head.raytemplate("submit", SHIPPED.name, "--address", head.jobs, "--as-of", AS_OF, *as_sets(), cwd=demo)
    assert (unset.returncode, "--set tracking.storage=" in unset.stderr) == (3, True), unset.stderr


@pytest.mark.slow
def test_storage_that_the_cluster_does_not_see_is_exit_3_with_what_to_set(head, demo, storage):
    run = submit(head, demo, storage, "--detach", "--key", "unseen").stdout.split()[0]
    # What the job would find is removed before its process gets that far.
    hidden = storage / "runs" / run
    hidden.rename(hidden.with_name("elsewhere"))
    ended = submit(head, demo, storage, "--key", "unseen")
    assert ended.returncode == 3, ended.stderr
    assert f"the cluster does not see {hidden}" in ended.stderr and "tracking.storage" in ended.stderr


def test_data_that_the_cluster_does_not_see_is_exit_3_with_what_to_set(head, demo, storage):
    run = submit(head, demo, storage, "--detach").stdout.split()[0]
    (demo / "data").rename(demo / "elsewhere")
    ended = head.raytemplate("resume", run, cwd=demo)
    assert ended.returncode == 3, ended.stderr
    assert f"the cluster does not see the data: {demo / 'data'}" in ended.stderr and "data.source" in ended.stderr


@pytest.mark.slow
def test_a_failure_on_the_cluster_is_the_failure_of_a_run(head, demo, storage):
    failed = submit(head, demo, storage, changes={"training.lr": 1e30})
    assert failed.returncode == 9, failed.stderr
    assert "became" in failed.stderr and "in epoch 1" in failed.stderr
    assert record(only_run(demo), "end")["state"] == "failed"


def test_a_wrong_token_is_said_with_what_to_set(head, demo, storage):
    refused = submit(head, demo, storage, RAY_AUTH_TOKEN="0" * 64)
    assert refused.returncode == 7, refused.stderr
    assert "RAY_AUTH_TOKEN_PATH" in refused.stderr and "0" * 64 not in refused.stderr
