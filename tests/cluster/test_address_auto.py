"""`--address auto`: a Ray that is already running is used and left as it was."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from command_line import environment, only_run, record
from small_flights import AS_OF, SHIPPED

pytestmark = [pytest.mark.cluster, pytest.mark.ray]

HELD = """
import json, sys, ray
ray.init(address=sys.argv[1], log_to_driver=False)
from ray._private.state import actors
from ray.util import placement_group_table
# What begins with "_" is Ray Data's, there for as long as its cluster is, and holds nothing.
alive = [a["ActorClassName"] for a in actors().values() if a["State"] == "ALIVE"]
alive = [name for name in alive if name[0] != "_"]
groups = [g["state"] for g in placement_group_table().values() if g["state"] != "REMOVED"]
print(json.dumps({"actors": alive, "groups": groups, "free": ray.available_resources().get("CPU", 0)}))
"""
TWO = ("--set", "resources.workers=2", "--set", "resources.per_worker.cpus=0.5")
USD_A_CPU_S = 1e-4
PRICE = ("--set", "budget.prices.cpu={per_hour: 0.36 USD, source: a test, date: 2026-01-31}")
OPTIONS = ("--as-of", AS_OF, "--set", "training.epochs=2")


def held(head):
    ended = subprocess.run(
        [sys.executable, "-c", HELD, head.address],
        env=environment(**head.authentication()),
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_a_run_uses_the_ray_that_is_here_and_frees_what_it_held(head, demo):
    planned = head.raytemplate("plan", SHIPPED.name, "--address", "auto", *TWO, *OPTIONS, cwd=demo)
    assert "fits: 1 node at auto, 2 CPUs" in planned.stdout
    ran = head.raytemplate("run", SHIPPED.name, "--address", "auto", *TWO, *OPTIONS, cwd=demo)
    assert ran.returncode in (0, 5), ran.stderr
    assert record(only_run(demo), "fit")["engine"] == "Ray Train, 2 workers"
    assert record(only_run(demo), "run")["address"] == "auto"
    assert held(head) == {"actors": [], "groups": [], "free": 2.0}


@pytest.mark.slow
def test_two_workers_are_charged_for_what_they_reserve(head, demo):
    priced = (*TWO, *OPTIONS, *PRICE)
    planned = head.raytemplate("plan", SHIPPED.name, "--address", "auto", *priced, cwd=demo)
    said = " ".join(planned.stdout.split())  # the output is wrapped to the terminal's width
    assert "limit 1 USD (CPUs and GPUs that it reserves, and one CPU for its own process)" in said
    ran = head.raytemplate("run", SHIPPED.name, "--address", "auto", *priced, cwd=demo)
    assert ran.returncode in (0, 5), ran.stderr
    usage, end = record(only_run(demo), "fit")["usage"], record(only_run(demo), "end")
    assert usage["cost_usd"] == pytest.approx(2 * USD_A_CPU_S * usage["wall_clock_s"], rel=0.01)
    seconds = {timing["stage"]: timing["actual_s"] for timing in end["timings"]}
    by_hand = end["wall_clock_s"] + 2 * seconds["ingest"] + seconds["fit"]
    assert end["cost_usd"] == pytest.approx(by_hand * USD_A_CPU_S, rel=0.01)
    attempts = [json.loads(path.read_text()) for path in only_run(demo).glob("attempt-*.json")]
    assert sum(each["seen_usd"] for each in attempts) == pytest.approx(end["cost_usd"], rel=0.05)


def test_a_ray_that_is_not_there_is_said_in_one_line(head, demo):
    ran = head.raytemplate("run", SHIPPED.name, "--address", "127.0.0.1:1", *OPTIONS, cwd=demo)
    assert ran.returncode == 8
    assert ran.stderr.startswith("no Ray answers at 127.0.0.1:1")
    assert "ray start --head" in ran.stderr
