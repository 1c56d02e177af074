"""A node of a cluster that could not do its part is named before anything is read."""

from __future__ import annotations

import time

import pytest
from command_line import only_run, record
from namespaces import network
from small_flights import AS_OF, SHIPPED, as_sets

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(600)]

PRICED = {"budget.prices.cpu": {"per_hour": "0.05 USD", "source": "a test", "date": "2026-01-31"}}
TWO = {"resources.workers": 2, "resources.per_worker.cpus": 0.5}


@pytest.fixture(scope="module")
def net():
    with network() as made:
        made.start_ray(made.add("alpha"), made.add("beta"))
        yield made


def run(net, demo, changes=None):
    began = time.monotonic()
    typed = ["run", SHIPPED.name, "--address", f"{net.nodes['alpha'].address}:6379", "--as-of", AS_OF]
    return net.nodes["alpha"].raytemplate(
        *typed, *as_sets(PRICED | (changes or {})), cwd=demo
    ), time.monotonic() - began


@pytest.mark.nightly
def test_a_workspace_and_data_that_one_node_does_not_see_are_told_at_once_with_that_node(net, demo):
    beta = net.nodes["beta"]
    with beta.without(demo):
        ended, seconds = run(net, demo)
    assert (ended.returncode, seconds < 60) == (3, True), ended.stderr
    folder = only_run(demo)
    assert f"node {beta.address} (beta): {folder} is not there" in ended.stderr
    assert f"node {beta.address} (beta): the data, {demo}/data/flights/2013-01.parquet" in ended.stderr
    assert "alpha" not in ended.stderr
    assert "let every node see that folder under the same path; set data.source" in ended.stderr
    assert record(folder, "end")["exit_code"] == 3
    assert not (folder / "snapshot.json").exists() and not list(folder.glob("preflight-*"))
    resumed = net.nodes["alpha"].raytemplate("resume", folder.name, cwd=demo)
    assert resumed.returncode == 0, resumed.stderr


@pytest.mark.slow
def test_a_name_that_other_nodes_do_not_reach_is_told_before_two_workers_wait_for_each_other(net, demo):
    beta, names = net.nodes["beta"], {one.name: one.address for one in net.nodes.values()}
    beta.knows(names | {"beta": "127.0.1.1"})
    ended, _ = run(net, demo, TWO)
    assert ended.returncode == 3, ended.stderr
    assert f"node {beta.address} (beta): its own name, beta, is 127.0.1.1 there" in ended.stderr
    beta.knows(names)
    ended, _ = run(net, demo, TWO)
    assert ended.returncode in (0, 5), ended.stderr


@pytest.mark.slow
def test_storage_that_one_node_of_a_cluster_does_not_see_ends_a_submitted_run_with_3(net, demo, tmp_path):
    beta, storage = net.nodes["beta"], tmp_path / "shared"
    storage.mkdir()
    with beta.without(storage):
        ended = net.nodes["alpha"].raytemplate(
            "submit",
            SHIPPED.name,
            "--address",
            net.jobs(net.nodes["alpha"]),
            "--as-of",
            AS_OF,
            *as_sets(PRICED | {"tracking.storage": str(storage)}),
            cwd=demo,
        )
    assert ended.returncode == 3, ended.stderr
    assert f"node {beta.address} (beta): {storage}/runs/{only_run(demo).name} is not there" in ended.stderr
