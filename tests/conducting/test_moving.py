"""`resume --address`: which run may move where, and that its earlier addresses are kept."""

from __future__ import annotations

import json
import threading
import time

import pytest

from raytemplate.conducting.moving import move
from raytemplate.errors import PlanError, UsageError
from raytemplate.execution.handover import shared_journal
from raytemplate.execution.journal import Journal
from raytemplate.planning.inventory import Cluster, Node
from raytemplate.records.run import RunStart
from raytemplate.records.submitted import SubmittedJob
from raytemplate.testing import sample_plans, samples

GONE = "http://127.0.0.1:1"
NEW = "http://127.0.0.1:2"


def cluster(cpus):
    node = Node(name="node 10.0.0.1", cpus=cpus, gpus=0, memory_bytes=8_000_000_000)
    return lambda address: Cluster(nodes=(node,), local=False, address=address)


@pytest.fixture
def journal(tmp_path):
    folder = tmp_path / "x7k2mq"
    folder.mkdir()
    made = Journal(folder)
    made.write(samples.sample_start(run_id="x7k2mq", address="10.0.0.1:6379"))
    return made


@pytest.fixture
def submitted(journal, tmp_path):
    """The same run, submitted to a cluster that has gone; its shared folder still exists."""
    journal.write(
        SubmittedJob(address=GONE, submission_id="raytemplate-x7k2mq", storage=str(tmp_path), key="", attempt=1)
    )
    shared_journal(tmp_path, "x7k2mq").folder.mkdir(parents=True)
    return journal


def test_a_run_that_is_driven_from_here_moves_and_keeps_where_it_was(journal):
    for address in ("10.0.0.2:6379", "10.0.0.2:6379", "auto"):
        move(journal, sample_plans.sample_plan(), address, cluster(4))
    start = journal.need(RunStart)
    assert (start.address, start.moved_from) == ("auto", ("10.0.0.1:6379", "10.0.0.2:6379"))


@pytest.mark.parametrize("address", ["http://head:8265", "ray://head:10001"])
def test_a_run_that_was_not_submitted_does_not_move_to_a_jobs_api(journal, address):
    with pytest.raises(UsageError, match=r"run x7k2mq was not .*expected auto or host:port"):
        move(journal, sample_plans.sample_plan(), address, cluster(4))
    assert journal.need(RunStart).moved_from == ()


@pytest.mark.parametrize("address", ["auto", "10.0.0.2:6379", "http://me:secret@head:8265"])
def test_a_submitted_run_moves_to_a_jobs_api_only(submitted, address):
    with pytest.raises(UsageError, match="expected the Jobs API of a cluster without a password"):
        move(submitted, sample_plans.sample_plan(), address, cluster(4))


def test_a_submitted_run_whose_cluster_has_gone_moves(submitted):
    move(submitted, sample_plans.sample_plan(), NEW, cluster(4))
    start, job = submitted.need(RunStart), submitted.need(SubmittedJob)
    assert (start.address, start.moved_from, job.address) == (NEW, ("10.0.0.1:6379",), NEW)


def test_a_run_that_somebody_still_works_on_does_not_move(submitted, tmp_path):
    shared, over = shared_journal(tmp_path, "x7k2mq"), threading.Event()

    def work():
        for seconds in range(60):
            attempt = {"started": "2013-02-01T00:00:00Z", "seen_s": float(seconds)}
            scratch = shared.folder / "scratch"
            scratch.write_text(json.dumps(attempt))
            scratch.replace(shared.folder / "attempt-1.json")
            if over.wait(0.2):
                return

    working = threading.Thread(target=work)
    working.start()
    time.sleep(0.3)
    try:
        with pytest.raises(UsageError, match=f"its job still works at {GONE}; it was not moved") as refused:
            move(submitted, sample_plans.sample_plan(), NEW, cluster(4))
    finally:
        over.set()
        working.join()
    assert refused.value.next_step == "raytemplate stop x7k2mq, then the same again"
    assert submitted.need(SubmittedJob).address == GONE


def test_a_run_does_not_move_to_where_it_does_not_fit(journal):
    plan = sample_plans.sample_plan(fit=sample_plans.sample_fit_stage(workers=4))
    with pytest.raises(PlanError, match=r"4 workers of 1 CPU .*do not fit"):
        move(journal, plan, "10.0.0.2:6379", cluster(2))
    assert journal.need(RunStart).address == "10.0.0.1:6379"
