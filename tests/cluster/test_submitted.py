"""The only test in `make test` that uses a cluster: a submitted run, from the command to its champion."""

import pytest
from command_line import epochs, only_run, record
from small_flights import AS_OF, SHIPPED, as_sets

pytestmark = [pytest.mark.ray, pytest.mark.alone]
PRICE = {"per_hour": "0.36 USD", "source": "a test", "date": "2026-01-31"}  # 1e-4 USD a second
END = ("end", "verdict", "promotion", "evaluation", "fit", "snapshot", "run")


def test_a_submitted_run_ends_as_a_run_does(head, demo, tmp_path):
    storage = tmp_path / "shared"  # both sides see it, far from the workspace
    storage.mkdir()
    sets = as_sets({"tracking.storage": str(storage), "budget.prices.cpu": PRICE})
    ran = head.raytemplate("submit", SHIPPED.name, "--address", head.jobs, "--as-of", AS_OF, *sets, cwd=demo)
    assert ran.returncode == 0, ran.stderr
    assert "Approved: version 1 is the champion of flights-air-time" in ran.stdout
    assert "_ray_pkg_" not in ran.stderr  # Ray's log of its uploads is not shown among our progress
    run = only_run(demo)
    assert {name: (run / f"{name}.json").exists() for name in END} == dict.fromkeys(END, True)
    assert [t["stage"] for t in record(run, "end")["timings"]] == ["start", "ingest", "fit", "evaluate", "govern"]
    assert [e["epoch"] for e in epochs(run)] == [1, 2]
    end, ingest_s = record(run, "end"), record(run, "end")["timings"][1]["actual_s"]
    assert end["cost_usd"] == pytest.approx(1e-4 * (end["wall_clock_s"] + 2 * ingest_s), rel=0.02)
    digest = record(run, "fit")["candidate"]["digest"]
    assert record(run, "promotion")["digest"] == digest
    assert (demo / ".raytemplate" / "models" / digest[:2] / digest).is_dir()
    assert not list(storage.rglob("governance.db")) and not list(storage.rglob("verdict.json"))
    kept = "".join(p.read_text(errors="replace") for p in run.glob("*.json"))
    assert head.token not in kept
