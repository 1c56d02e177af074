"""Every stage with RAYTEMPLATE_PLAIN_RAY=1: no private part of Ray is used, and everything works."""

from __future__ import annotations

import pytest
from small_flights import AS_OF, SHIPPED, changed

from raytemplate import api
from raytemplate.engines.ray.private.switch import is_plain

pytestmark = [pytest.mark.ray, pytest.mark.slow]

TWO_WORKERS = {
    "resources.workers": 2,
    "resources.per_worker.cpus": 0.5,
    "tuning.space.training.lr": "loguniform(1e-3, 1e-1)",
    "tuning.search": "random",
    "tuning.slots": 1,
    "budget.trials": 2,
}


def test_trials_of_worker_groups_and_what_follows_them(one_ray, demo, monkeypatch):
    monkeypatch.setenv("RAYTEMPLATE_PLAIN_RAY", "1")
    assert is_plain()
    spec = api.load(demo / SHIPPED.name, set=changed(TWO_WORKERS))
    run = api.run(api.plan(spec, AS_OF))
    assert [one.problem for one in run.trials] == [""] * 2
    assert run.fit is not None and run.fit.engine == "Ray Train, 2 workers"
    assert run.end.state == "approved"
    assert {window.name for window in run.snapshot.windows} == {"train", "validation", "test"}
