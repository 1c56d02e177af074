"""What runs, `models` and `show MODEL` tell about the champion, and what a person accepts although a gate held."""

from dataclasses import replace

import pytest
from fake_runs import GATES, FakeRun

from raytemplate.errors import UsageError
from raytemplate.execution.decide import promote
from raytemplate.history.catalog import event_rows, model_rows, registered_model
from raytemplate.history.runs import Run
from raytemplate.planning.stages import GateConfig
from raytemplate.records.codec import Settings
from raytemplate.records.judged import Actor, Approved, Held
from raytemplate.reports.history import models_table
from raytemplate.reports.run_shown import show_run
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import day, sample_start

MODEL = "flights-air-time"


def a_run(folder, *, candidate, champion=2.0, gates=GATES):
    run = FakeRun(folder, gates=gates)
    started = day(6, len(list(run.workspace.runs.iterdir())))
    run.journal.write(sample_start(run_id=run.journal.run_id, name=run.plan.name, started=started))
    run.execute(FakeEngine(candidate_error=candidate, champion_error=champion, weights=f"w{candidate}"))
    return run


def test_a_champion_that_would_not_pass_today_is_said_by_run_show_and_models(tmp_path):
    a_run(tmp_path, candidate=5.0)
    made = a_run(tmp_path, candidate=25.0, champion=20.0)
    second, view = Run(made.journal), registered_model(MODEL, made.workspace)
    assert view.service.run_id == second.id and view.service.today == "would not pass today"
    said = [(one.gate, one.outcome, one.found) for one in view.service.findings]
    assert said == [("metric-limit", "block", "mae 20.00")]
    line = "The champion (version 1) would not pass today: metric-limit (mae 20.00, required at worst 12)."
    assert second.champion_that_fails == line and line in show_run(second.view())
    assert f"Version 1 would not pass today, on the test rows of run {second.id}" in str(view)
    assert "would not pass today" in models_table(model_rows(made.workspace), now=view.now)


def test_a_champion_that_was_just_replaced_is_not_said_to_fail(tmp_path):
    a_run(tmp_path, candidate=5.0)
    second = a_run(tmp_path, candidate=1.0, champion=20.0)
    assert Run(second.journal).champion_that_fails == ""
    assert registered_model(MODEL, second.workspace).service.today == "passes"


def test_a_champion_is_judged_on_the_latest_test_rows_whatever_ran_last(tmp_path):
    a_run(tmp_path, candidate=5.0)
    late = a_run(tmp_path, candidate=25.0, champion=20.0)
    evaluation = Run(late.journal).evaluation
    backfill = a_run(tmp_path, candidate=25.0, champion=2.0)
    early = replace(evaluation, test_end=evaluation.test_start, champion=Run(backfill.journal).evaluation.champion)
    backfill.journal.write(early)
    assert registered_model(MODEL, late.workspace).service.run_id == late.journal.run_id


def test_a_champion_that_comes_out_again_is_judged_as_a_champion(tmp_path):
    """Running the champion's plan again ends unchanged: beats-champion blocks then, which is no fault of it."""
    first = a_run(tmp_path, candidate=5.0)
    again = a_run(tmp_path, candidate=5.0, champion=5.0)
    assert Run(again.journal).promotion.outcome == "unchanged"
    service = registered_model(MODEL, first.workspace).service
    assert (service.run_id, service.today) == (again.journal.run_id, "passes")


def test_models_lists_a_model_whose_newest_run_lost_its_evaluation(tmp_path):
    first = a_run(tmp_path, candidate=5.0)
    lost = a_run(tmp_path, candidate=25.0)
    (lost.journal.folder / "evaluation.json").unlink()
    assert model_rows(first.workspace)[0].today == "passes"


def held_run(folder):
    gates = (GateConfig(name="metric-limit", settings=Settings({"mae": 0.5, "severity": "hold"})),)
    return a_run(folder, candidate=1.0, gates=gates)


def test_a_hold_under_automatic_promotion_waits_for_a_person(tmp_path):
    run = held_run(tmp_path)
    verdict = Run(run.journal).verdict
    assert isinstance(verdict, Held) and verdict.missing == "metric-limit (mae 1.00)"
    assert Run(run.journal).exit_code == 5
    assert "waits for a person: metric-limit (mae 1.00)" in show_run(Run(run.journal).view())


def test_a_person_accepts_a_hold_with_a_reason_and_the_ledger_says_so(tmp_path):
    run = held_run(tmp_path)
    with pytest.raises(UsageError, match=r"is held by metric-limit \(mae 1.00\): expected a reason"):
        promote(run.journal, run.plan, run.ledger, run.store, actor=Actor(name="ada"))
    assert run.ledger.head(MODEL) is None and isinstance(Run(run.journal).verdict, Held)
    promote(run.journal, run.plan, run.ledger, run.store, actor=Actor(name="ada", reason="a new fleet"))
    verdict = Run(run.journal).verdict
    assert isinstance(verdict, Approved) and verdict.accepted == ("metric-limit",)
    assert event_rows(run.ledger, MODEL)[-1].reason == "a new fleet; accepted although metric-limit held"
    assert "Approved by ada: a new fleet (although metric-limit held)" in show_run(Run(run.journal).view())
