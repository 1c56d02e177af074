"""A plan charges what is reserved, at prices that name their source; without a price there is no limit."""

from dataclasses import replace

import pytest
from sample_inventory import inventory, node, spec_of

from raytemplate.errors import PlanError, SpecError
from raytemplate.planning.compile import compile as compile_plan
from raytemplate.planning.inventory import Cluster
from raytemplate.reports.explain import explain

CPU = {"per_hour": "0.04 USD", "source": "https://prices.example/cpu", "date": "2026-01-31"}
GPU = {"per_hour": "3.6 USD", "source": "https://prices.example/gpu", "date": "2026-01-31"}
NODE = {"per_hour": "7.2 USD", "source": "https://prices.example/node", "date": "2026-01-31"}
NODES = tuple(
    node(name=f"10.0.0.{n}", cpus=8.0, gpus=4.0, accelerator="A100", kind="big", object_store_bytes=10**10)
    for n in (1, 2)
)


def plan(changes=None, nodes=NODES, *, local=False):
    cluster = Cluster(nodes=nodes, local=local, address="" if local else "http://head:8265")
    return compile_plan(spec_of(changes), replace(inventory(), cluster=cluster), "2013-06-01")


def test_a_limit_of_the_cost_needs_a_price():
    with pytest.raises(PlanError, match="no price is given for this cluster") as refused:
        plan()
    assert refused.value.next_step.startswith("set budget.prices.cpu: {per_hour: 0.05 USD, source: ")
    here = plan(nodes=(node(here=True, object_store_bytes=10**10),))
    assert (here.limits.usd_per_s, here.limits.basis) == (0.0, "this machine is free")


def test_hours_are_charged_for_what_each_stage_reserves():
    changes = {"resources.workers": 2, "resources.per_worker": {"cpus": 2, "gpus": 1, "accelerator": "A100"},
               "budget.prices": {"cpu": CPU, "gpu": {"A100": GPU}}}  # fmt: skip
    made = plan(changes)
    limits = made.limits
    assert limits.usd_per_s * 3600 == pytest.approx(0.04)  # its own process keeps one CPU
    assert limits.held_usd_per_s("fit") * 3600 == pytest.approx(2 * (2 * 0.04 + 3.6))
    assert limits.held_usd_per_s("ingest") * 3600 == pytest.approx(10 * 0.04)  # a CPU for each of ten row groups
    assert limits.held_usd_per_s("evaluate") == 0.0
    seconds = {s.stage: s.seconds for s in made.forecast.stages}
    by_hand = made.forecast.seconds * 0.04 + seconds["fit"] * 7.36 + seconds["ingest"] * 0.4
    assert made.forecast.cost_usd * 3600 == pytest.approx(by_hand)
    assert limits.prices["gpu A100"] == {**GPU, "per_hour": "3.6 USD"}


def test_whole_nodes_are_charged_whatever_is_used_of_them():
    limits = plan({"budget.prices": {"node": {"big": NODE, "small": CPU}}}).limits
    assert (limits.usd_per_s * 3600, dict(limits.held)) == (pytest.approx(14.4), {})
    assert limits.basis == "2 whole nodes, from the command to the end"
    assert list(limits.prices) == ["node big"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget.prices": {"node": {"small": NODE}}}, "budget.prices.node has no price for big; it has small"),
        ({"budget.prices": {"cpu": CPU}, "resources.per_worker.gpus": 1}, "budget.prices.gpu has no price for A100"),
        ({"budget.prices": {"node": {"big": NODE}}, "budget.cost": "0.01 USD"}, "budget.cost is 0.01 USD; start"),
    ],
)
def test_what_has_no_price_or_is_too_dear_is_refused(changes, message):
    with pytest.raises(PlanError, match=message):
        plan(changes)


@pytest.mark.parametrize("lacks", ["source", "date"])
def test_a_price_without_its_source_and_date_is_no_price(lacks):
    price = {key: value for key, value in CPU.items() if key != lacks}
    with pytest.raises(SpecError, match=rf"budget\.prices\.cpu\.{lacks}: missing"):
        spec_of({"budget.prices": {"cpu": price}})


def test_of_gpus_of_several_types_the_dearest_is_charged_and_each_needs_a_price():
    nodes = (NODES[0], replace(NODES[1], accelerator="T4"))
    asked = {"resources.workers": 1, "resources.per_worker.gpus": 1}
    with pytest.raises(PlanError, match=r"budget\.prices\.gpu has no price for T4"):
        plan({**asked, "budget.prices": {"cpu": CPU, "gpu": {"A100": GPU}}}, nodes)
    both = {"cpu": CPU, "gpu": {"A100": GPU, "T4": {**GPU, "per_hour": "0.3 USD"}}}
    held = plan({**asked, "budget.prices": both}, nodes).limits.held_usd_per_s("fit")
    assert held * 3600 == pytest.approx(0.04 + 3.6)


def test_prices_of_node_types_do_not_stop_a_run_on_this_machines_own_ray():
    here = (node(here=True, object_store_bytes=10**10),)
    assert plan({"budget.prices": {"node": {"big": NODE}}}, here).limits.basis == "this machine is free"
    assert plan({"budget.prices": {"cpu": CPU}}, here).limits.usd_per_s > 0


def test_without_a_price_and_a_limit_nothing_is_said_to_be_free():
    spec = spec_of()
    unlimited = replace(spec, origins={k: v for k, v in spec.origins.items() if k != "budget.cost"})
    cluster = Cluster(nodes=NODES, local=False, address="http://head:8265")
    made = compile_plan(unlimited, replace(inventory(), cluster=cluster), "2013-06-01")
    assert made.limits.cost_usd == float("inf")
    assert "  cost         not known: no price is known" in explain(made, file="f.yaml")


def test_a_sweep_that_is_too_dear_is_told_what_it_costs():
    changes = {
        "tuning": {"space": {"training.lr": "loguniform(1e-4, 1e-1)"}}, "budget.time": "10h", "resources.workers": 0,
        "budget.prices": {"cpu": {**CPU, "per_hour": "900 USD"}},
    }  # fmt: skip
    with pytest.raises(
        PlanError, match=r"budget\.cost is \d+ USD; start, ingest, one trial, the last training and"
    ) as no:
        plan({**changes, "budget.cost": "10 USD"})
    assert no.value.next_step.startswith("set budget.cost: ")


def test_a_sweep_holds_its_slots_and_has_as_many_trials_as_there_is_money_for():
    changes = {
        "tuning": {"space": {"training.lr": "loguniform(1e-4, 1e-1)"}}, "budget.time": "10h", "budget.cost": "1 USD",
        "budget.prices": {"cpu": {**CPU, "per_hour": "0.9 USD"}}, "resources.workers": 0,
    }  # fmt: skip
    made, rich = plan(changes), plan({**changes, "budget.cost": "2 USD"})
    assert made.sweep.slots == 16
    assert made.limits.held_usd_per_s("sweep") * 3600 == pytest.approx(16 * 0.9)
    assert made.forecast.cost_usd == pytest.approx(1.0, rel=0.1)
    assert 1.8 < rich.sweep.expected_trials / made.sweep.expected_trials < 2.4
