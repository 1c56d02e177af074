"""Training ends early enough for its candidate to be judged within the budget, on a slow machine too."""

from dataclasses import replace

import pytest
from fake_runs import FakeRun
from hypothesis import given
from hypothesis import strategies as st

from raytemplate.execution.time_left import reserve_s
from raytemplate.records.run import StageTiming
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.sample_plans import sample_fit_stage, sample_plan


def plan_of(*, budget_s=60.0, forecast_s=0.5, workers=0):
    limits = replace(sample_plan().limits, time_s=budget_s, reserve_s=forecast_s)
    return sample_plan(limits=limits, fit=sample_fit_stage(workers=workers))


def passed(start_s, ingest_s=0.0, planned_s=5.0):
    """Stages that were forecast to take 5 s together."""
    return [
        StageTiming(stage="start", work=0.0, planned_s=planned_s, actual_s=start_s),
        StageTiming(stage="ingest", work=1.0, planned_s=0.0, actual_s=ingest_s),
    ]


WAYS = [
    ("as forecast", plan_of(), passed(5.0), 2.5),
    ("quicker", plan_of(), passed(1.0), 2.5),
    ("three times as slow", plan_of(), passed(10.0, 5.0), 7.5),
    ("slower than is believed", plan_of(budget_s=600.0), passed(500.0), 10.0),
    ("a group of workers", plan_of(workers=2), passed(5.0), 5.5),
    ("15% of the budget at most", plan_of(budget_s=20.0, workers=2), passed(10.0), 3.0),
    ("a plan that keeps more", plan_of(budget_s=20.0, forecast_s=8.0), passed(10.0), 8.0),
    ("nothing was passed in this process", plan_of(), [], 2.5),
    ("nothing was forecast", plan_of(), passed(5.0, planned_s=0.0), 2.5),
]


@pytest.mark.parametrize(("plan", "timings", "kept_s"), [way[1:] for way in WAYS], ids=[way[0] for way in WAYS])
def test_what_is_kept_follows_the_forecast_the_workers_and_the_machine(plan, timings, kept_s):
    assert reserve_s(plan, timings) == pytest.approx(kept_s)


SECONDS = st.floats(0.0, 1e5)


@given(budget_s=st.floats(1.0, 1e5), forecast_s=SECONDS, workers=st.integers(0, 4), took_s=SECONDS, planned_s=SECONDS)
def test_what_is_kept_is_never_less_than_planned_nor_takes_more_than_its_share_of_training(
    budget_s, forecast_s, workers, took_s, planned_s
):
    plan = plan_of(budget_s=budget_s, forecast_s=forecast_s, workers=workers)
    kept_s = reserve_s(plan, passed(took_s, planned_s=planned_s))
    assert forecast_s <= kept_s <= max(forecast_s, 0.15 * budget_s)


class Asks(FakeEngine):
    """Records how long it was allowed to train."""

    def fit(self, stage, ingested, journal, meter, on_epoch):
        self.kept_s = meter.remaining_s() - meter.training_remaining_s()
        return super().fit(stage, ingested, journal, meter, on_epoch)


def test_training_is_given_the_budget_less_what_is_kept(tmp_path):
    run, engine = FakeRun(tmp_path), Asks()
    run.plan = plan_of(budget_s=600.0)
    run.execute(engine)
    assert engine.kept_s >= 2.5
