"""Estimates grow with the work, learn from earlier runs, and cost what is held."""

import pytest
from sample_inventory import inventory, source, spec_of

from raytemplate.planning.compile import compile as compile_plan
from raytemplate.planning.inventory import Timing


def forecast(changes=None, rows_a_month=28_000, **others):
    changes = {"budget.time": "20h", "budget.cost": "1000 USD"} | (changes or {})
    found = inventory(*others.pop("nodes", ()), source=source(rows_a_month), **others)
    return compile_plan(spec_of(changes), found, "2013-06-01").forecast


def test_ten_times_the_rows_raise_the_estimate_of_training_fivefold():
    assert forecast(rows_a_month=280_000).stage_s("fit") >= 5 * forecast().stage_s("fit")


def test_ten_times_the_rows_raise_the_whole_estimate_as_far_as_the_start_of_ray_lets_them():
    assert forecast(rows_a_month=280_000).seconds >= 4.5 * forecast().seconds


def test_ten_times_twice_the_rows_raise_the_whole_estimate_fivefold():
    assert forecast(rows_a_month=500_000).seconds >= 5 * forecast(rows_a_month=50_000).seconds


def test_ten_times_the_epochs_raise_the_estimate_of_training():
    assert forecast({"training.epochs": 60}).stage_s("fit") >= 5 * forecast().stage_s("fit")


@pytest.mark.parametrize("kind", ["tabular-mlp", "lightgbm"])
def test_the_shipped_job_is_expected_to_take_seconds(kind):
    found = forecast({"model.kind": kind})
    assert 4 < found.seconds < 20
    assert found.low_s < found.seconds < found.high_s


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost", "linear"])
def test_what_trains_in_memory_reads_a_stream_once_and_not_for_every_round(kind):
    modes = ("memory", "stream")
    memory, stream = (forecast({"model.kind": kind, "data.ingest": mode}).stage_s("fit") for mode in modes)
    assert 0.5 < stream - memory < 2.0
    assert forecast({"data.ingest": "stream"}).stage_s("fit") > forecast().stage_s("fit")


def test_earlier_runs_correct_the_estimate():
    before = forecast()
    slow = tuple(Timing(stage=s.stage, family="tabular-mlp", work=s.work, seconds=3 * s.seconds) for s in before.stages)
    after = forecast(history=slow + slow)
    assert after.stage_s("fit") == pytest.approx(3 * before.stage_s("fit"))
    assert after.runs_seen == 2
    assert after.high_s / after.seconds < before.high_s / before.seconds


def test_another_familys_training_is_no_precedent():
    slow = (Timing(stage="fit", family="lightgbm", work=1.0, seconds=500.0),)
    assert forecast(history=slow).stage_s("fit") == forecast().stage_s("fit")


def test_cost_is_the_price_of_what_is_held():
    found = forecast({"budget.prices.local": 3.6})
    assert found.cost_usd == pytest.approx(found.seconds * 0.001)
    assert forecast().cost_usd == 0.0
