"""Sweeps on a Ray that is already running: trials of two workers each are charged, and nothing of them is left."""

from __future__ import annotations

import json
import time

import pytest
from command_line import only_run, record
from head import running_head
from small_flights import AS_OF, SHIPPED, as_sets
from test_address_auto import PRICE, TWO, USD_A_CPU_S, held

from raytemplate.execution.journal import Journal

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(900)]

SPACE = {
    "tuning.space.training.lr": "loguniform(1e-4, 1e-1)", "tuning.search": "random", "training.epochs": 4,
    "tuning.scheduler": "asha",
}  # fmt: skip


@pytest.fixture
def second():
    """Another Ray on this machine."""
    with running_head() as started:
        yield started


def sweep(head, demo, num_trials):
    sets = as_sets({**SPACE, "budget.trials": num_trials})
    ran = head.raytemplate(
        "run",
        SHIPPED.name,
        "--address",
        head.address,
        "--as-of",
        AS_OF,
        *TWO,
        *PRICE,
        *sets,
        cwd=demo,
    )
    assert ran.returncode in (0, 5), ran.stderr
    return Journal(only_run(demo)).trials()


@pytest.mark.slow
def test_a_trial_of_two_workers_is_charged_for_both(head, demo):
    trials = sweep(head, demo, 2)
    assert record(only_run(demo), "sweep")["slots"] == 2
    for trial in trials:
        assert trial.cost_usd == pytest.approx(2 * 0.5 * USD_A_CPU_S * trial.actual_s, rel=0.01)
    stages = {timing["stage"]: timing["actual_s"] for timing in record(only_run(demo), "end")["timings"]}
    end = record(only_run(demo), "end")
    by_hand = end["wall_clock_s"] + 2 * stages["ingest"] + 2 * 2 * 0.5 * stages["sweep"] + 2 * 0.5 * stages["fit"]
    assert end["cost_usd"] == pytest.approx(by_hand * USD_A_CPU_S, rel=0.01)


def test_a_submitted_sweep_ends_as_one_here_does(head, demo, tmp_path):
    drawn = {"tuning.space.features.columns.dest.encoding": "choice(one-hot)"}
    sets = as_sets({**SPACE, **drawn, "budget.trials": 5, "tracking.storage": str(tmp_path / "shared")})
    ran = head.raytemplate("submit", SHIPPED.name, "--address", head.jobs, "--as-of", AS_OF, *sets, cwd=demo)
    assert ran.returncode in (0, 5), ran.stderr
    run = only_run(demo)
    assert [t["stage"] for t in record(run, "end")["timings"]][:4] == ["start", "ingest", "sweep", "fit"]
    assert (len(Journal(run).trials()), record(run, "sweep")["ended"]) == (5, "trials")
    assert "5 trials" in ran.stderr
    assert "dest" not in record(run, "features")["codes"]  # the record is the winner's here too
    shown = head.raytemplate("show", run.name, "--trials", cwd=demo)
    assert shown.stdout.count("finished") + shown.stdout.count("pruned") == 5


@pytest.mark.slow
@pytest.mark.parametrize("rays", [1, 2])
def test_twenty_trials_that_the_scheduler_ends_leave_nothing_behind(head, demo, rays, request):
    others = [request.getfixturevalue("second")] if rays == 2 else []
    trials = sweep(head, demo, 20)
    assert len(trials) == 20 and sum(one.state == "pruned" for one in trials) >= 5
    for one in [head, *others]:
        assert held(one) == {"actors": [], "groups": [], "free": 2.0}


@pytest.mark.nightly
def test_a_cluster_that_may_grow_does_so_for_trials_that_wait(demo):
    sets = as_sets({**SPACE, "tuning.scheduler": "none", "tuning.slots": 2, "budget.trials": 8, "training.epochs": 60})
    with running_head(cpus=1, grows_by=2) as head:
        asked = ("run", SHIPPED.name, "--address", head.address, "--as-of", AS_OF, *sets)
        ran = head.raytemplate(*asked, cwd=demo)
        assert ran.returncode in (0, 5), ran.stderr
        until = time.monotonic() + 30
        while held(head)["free"] < 2.0:  # what the run held is given back soon after its end
            assert time.monotonic() < until
            time.sleep(0.5)
        submitted = head.raytemplate(
            "plan", SHIPPED.name, "--address", head.jobs, "--as-of", AS_OF, *sets, "--json", cwd=demo
        )
        assert json.loads(submitted.stdout)["plan"]["sweep"]["slots"] == 2, submitted.stderr
    run = only_run(demo)
    assert record(run, "sweep")["slots"] == 2
    assert {one.state for one in Journal(run).trials()} == {"finished"}
    told = [json.loads(path.read_text().splitlines()[0]) for path in run.glob("tune/start-1/*/result.json")]
    assert len({one["pid"] for one in told}) >= 2
