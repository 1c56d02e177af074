"""The connection to a cluster is cut: neither an answer nor a refusal arrives, which takes longest to notice."""

from __future__ import annotations

import time

import pytest
from command_line import COMMAND, epochs, only_run, record, wait_for
from namespaces import network
from small_flights import AS_OF, SHIPPED, as_sets

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]

MOST_S = 75


def test_a_cluster_that_is_cut_off_is_told_within_75_s_in_our_words(demo, tmp_path):
    storage = tmp_path / "shared"
    storage.mkdir()
    changes = as_sets(
        {
            "training.epochs": 2000,
            "budget.time": "5m",
            "data.windows.train": "25d",
            "tracking.storage": str(storage),
            "budget.prices.cpu": {"per_hour": "0.05 USD", "source": "a test", "date": "2026-01-31"},
        }
    )
    with network() as net:
        head, desk = net.add("head"), net.add("desk")
        net.start_ray(head, cpus=2)
        typed = ["submit", SHIPPED.name, "--address", net.jobs(head), "--as-of", AS_OF, *changes]
        process = desk.start(COMMAND, *typed, cwd=demo)
        run = wait_for(lambda: only_run(demo), process=process)
        wait_for(lambda: epochs(storage / "runs" / run.name), process=process, limit_s=120)
        net.cut(head)
        began = time.monotonic()
        _, said = process.communicate(timeout=150)
        assert (process.returncode, time.monotonic() - began < MOST_S) == (8, True), said
        assert f"the cluster at {net.jobs(head)} does not answer in time" in said
        assert f"raytemplate resume {run.name}" in said.splitlines()[-1] and "HTTPConnectionPool" not in said
        assert record(run, "end")["exit_code"] == 8
        began = time.monotonic()
        planned = desk.raytemplate("plan", SHIPPED.name, *typed[2:], cwd=demo)
        assert (planned.returncode, time.monotonic() - began < 30) == (8, True), planned.stderr
        driven = desk.raytemplate("run", SHIPPED.name, "--address", f"{head.address}:6379", *typed[4:], cwd=demo)
        assert (driven.returncode, f"no Ray answers at {head.address}:6379" in driven.stderr) == (8, True)
