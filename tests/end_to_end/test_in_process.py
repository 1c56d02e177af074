"""Whole runs from Python on one shared Ray: budgets, failures and leftovers."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import late_at_most_s
from small_flights import AS_OF, MODEL

from raytemplate import api
from raytemplate.errors import BudgetSpent, DataError, IntegrityError, TrainingFailed
from raytemplate.execution.journal import Journal
from raytemplate.records.judged import Approved
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd
from raytemplate.store.workspace import find_run

pytestmark = [pytest.mark.ray]


@pytest.fixture
def run(one_ray, small):
    """Plans and runs the small job, with changes."""

    def go(changes=None, as_of=AS_OF, **more):
        return api.run(api.plan(small(changes), as_of), **more)

    return go


def last(small):
    workspace = api.plan(small(), AS_OF).workspace
    return Journal(find_run(workspace, "last"))


SLOW_ONES = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("tabular-mlp", "xgboost", "linear")]


@pytest.mark.parametrize("kind", ["lightgbm", *SLOW_ONES])
def test_every_family_makes_a_champion_that_predicts(run, demo, kind):
    trees = {"model.num_trees": 30, "training.lr": 0.2}
    made = run({"model.kind": kind} | (trees if kind in ("lightgbm", "xgboost") else {}))
    assert isinstance(made.verdict, Approved)
    model = api.model(f"{MODEL}@champion", workspace=str(demo))
    rows = pq.read_table(demo / "data" / "flights" / "2013-02.parquet").slice(0, 50)
    predicted = model.predict(rows.to_pandas())
    assert list(predicted.columns) == ["time_hour", "carrier", "flight", "origin", "prediction", "model_version"]
    assert 20 < predicted["prediction"].mean() < 400
    assert model.digest == made.fit.candidate.digest


def test_a_stream_makes_a_champion_too_and_is_told_of(run, capsys):
    made = run({"data.ingest": "stream"})
    told = capsys.readouterr().err
    assert "✓ ingest" in told and "✓ fit" in told and told.count(made.id) == 1
    assert (made.end.state, made.snapshot.engine.partition(";")[0]) == ("approved", "Ray Data, one pass for statistics")
    assert made.evaluation.num_rows == made.snapshot.window("test").num_rows


@pytest.mark.slow
def test_rows_of_one_airport_are_resampled_together_in_both_modes_and_three_are_too_few(run):
    both = [run({"data.ingest": mode, "evaluation.resample": {"group": "origin"}}) for mode in ("memory", "stream")]
    found = [(made.evaluation.num_groups, made.evaluation.resample, made.end.state) for made in both]
    assert found == [(3, "origin group", "held")] * 2
    assert both[0].evaluation.test_rows == both[1].evaluation.test_rows != ""
    told = " ".join(str(both[1]).split())
    assert "on 3 origin groups only" in told and "origin groups resampled" in told


@pytest.mark.slow
@pytest.mark.alone
def test_the_budget_ends_training_early_with_a_verdict(run):
    run({"name": "first", "training.epochs": 1})  # so that the budget is not spent on imports, here and in workers
    made = run({"training.epochs": 20_000, "budget.time": "14s", "resources.workers": 0})
    assert made.fit.stopped == "budget.time"
    assert 0 < len(made.fit.epochs) < 20_000
    assert isinstance(made.verdict, Approved)
    assert_in_its_time(made, 14)


def assert_in_its_time(made, budget_s):
    """Training ends within the budget; judging uses the time reserved for it, and may take longer."""
    assert made.end.timeline_s["fit"] < budget_s + late_at_most_s()
    assert made.end.wall_clock_s < budget_s + made.plan.limits.judging_s


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.nightly
def test_the_budget_ends_training_of_two_workers_on_time(run):
    two = {"resources.workers": 2, "resources.per_worker.cpus": 0.5}
    made = run({"training.epochs": 20_000, "budget.time": "45s"} | two)
    assert made.fit.stopped == "budget.time"
    assert_in_its_time(made, 45)


@pytest.mark.alone
def test_the_budget_ends_before_there_is_a_candidate_and_a_resumed_run_gets_no_second_one(run, small, demo):
    with pytest.raises(BudgetSpent) as spent:
        run({"training.batch_size": 1, "budget.time": "6s", "data.windows.train": "all"})
    end = last(small).need(RunEnd)
    assert (spent.value.exit_code, end.state, end.exit_code) == (4, "failed", 4)
    assert "no candidate" in end.message
    once_s = last(small).spent().seconds
    with pytest.raises(BudgetSpent):
        api.resume("last", workspace=str(demo))
    assert once_s <= last(small).spent().seconds < once_s + 6


def test_f12_a_loss_that_becomes_nan_ends_with_nine_and_leaves_its_words(run, small):
    with pytest.raises(TrainingFailed, match="in epoch 1") as failed:
        run({"training.lr": 1e30})
    journal = last(small)
    assert (failed.value.exit_code, journal.need(RunEnd).exit_code) == (9, 9)
    assert "Diverged" in (journal.folder / "error.txt").read_text()
    assert journal.read(PromotionRecord) is None


def test_f11_a_file_that_changes_between_plan_and_run_ends_with_seven(one_ray, small, demo):
    planned = api.plan(small(), AS_OF)
    path = demo / "data" / "flights" / "2013-02.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(IntegrityError, match=r"2013-02\.parquet: changed since it was planned") as refused:
        api.run(planned)
    assert refused.value.exit_code == 7


def test_a_constant_target_ends_with_two(run, demo):
    for path in (demo / "data" / "flights").iterdir():
        table = pq.read_table(path)
        same = pa.array([7.0] * table.num_rows)
        pq.write_table(table.set_column(table.column_names.index("air_time"), "air_time", same), path)
    with pytest.raises(DataError, match="nothing to learn") as refused:
        run()
    assert refused.value.exit_code == 2


@pytest.mark.slow
def test_an_as_of_before_the_champions_is_blocked(run):
    run(as_of="2013-02-20")
    earlier = run(as_of="2013-02-10")
    finding = next(f for f in earlier.verdict.findings if f.gate == "beats-champion")
    assert (earlier.end.state, finding.outcome) == ("rejected", "block")
    assert "has seen data until" in finding.found


def test_early_stopping_ends_training_and_the_best_epoch_is_taken(run):
    made = run({"training.epochs": 60, "training.early_stopping": 2, "training.lr": 0.02})
    assert made.id in str(made) and "version 1" in str(made)
    best = min(made.fit.epochs, key=lambda epoch: epoch.validation)
    assert made.fit.stopped in ("early stopping", "epochs")
    assert made.fit.candidate.epoch == best.epoch
    assert made.fit.candidate.validation == best.validation
