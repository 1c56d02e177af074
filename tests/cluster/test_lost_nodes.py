"""Nodes that are drained, or lost without notice, during training."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager

import pytest
from command_line import COMMAND, epochs, only_run, record, wait_for
from head import running_head
from nodes import further_nodes
from small_flights import AS_OF, SHIPPED, as_sets

pytestmark = [pytest.mark.cluster, pytest.mark.ray]

EPOCHS = 40
"""Enough epochs for a drain to be noticed during training."""
CHANGES = {
    "resources.workers": 2, "data.windows.train": "7d", "training.epochs": EPOCHS, "training.batch_size": 64,
    "training.early_stopping": None, "training.keep_checkpoints": 1, "budget.time": "240s",
}  # fmt: skip


@pytest.fixture
def small_head():
    """A head with one CPU: the second of two workers is on another node."""
    with running_head(cpus=1) as head:
        yield head


@contextmanager
def training(head, demo, changes):
    """A run that has trained for some epochs, and the process that waits for it."""
    process = subprocess.Popen(
        [COMMAND, "run", SHIPPED.name, "--as-of", AS_OF, "--address", head.address, *as_sets(CHANGES | changes)],
        cwd=demo,
        env=head.environment(RAY_TRAIN_PREEMPTION_POLL_INTERVAL_S="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        run = wait_for(lambda: only_run(demo), process=process)
        wait_for(lambda: len(epochs(run)) > 4, process=process)
        yield run, process
    finally:
        process.kill()
        process.communicate()


def ended(run, process):
    said, told = process.communicate(timeout=240)
    assert process.returncode in (0, 5), told
    fit = record(run, "fit")
    assert [e["epoch"] for e in fit["epochs"]] == list(range(1, EPOCHS + 1))
    best = min(fit["epochs"], key=lambda e: (e["validation"], e["epoch"]))
    assert (fit["candidate"]["epoch"], fit["candidate"]["validation"]) == (best["epoch"], best["validation"])
    assert fit["resumed_from_epoch"] == fit["restarts"][-1]["from_epoch"] > 3
    return fit, said + told


@pytest.mark.slow
def test_a_node_that_is_drained_loses_no_epoch_and_not_the_best_one(small_head, demo):
    with further_nodes(small_head, 2) as nodes, training(small_head, demo, {}) as (run, process):
        used = next(node for node in nodes if node.workers())
        used.drain(deadline_s=3)
        fit, told = ended(run, process)
    assert [r["num_workers"] for r in fit["restarts"]] == [2]
    assert "a machine of the cluster was taken away" in fit["restarts"][0]["why"]
    assert "a machine of the cluster was taken away" in told


@pytest.mark.slow
def test_a_node_that_is_lost_is_done_without_where_fewer_workers_suffice(small_head, demo):
    with further_nodes(small_head, 1) as (node,), training(small_head, demo, {"resources.workers": "1..2"}) as found:
        run, process = found
        node.kill()
        fit, _ = ended(run, process)
    assert [r["num_workers"] for r in fit["restarts"]] == [1]
