"""A run whose budget is spent: `resume` begins nothing, unless there is a candidate to judge."""

import json
from datetime import UTC, datetime

import pytest
from fake_runs import FakeRun

from raytemplate import api
from raytemplate.errors import BudgetSpent
from raytemplate.execution.lock import read_lock
from raytemplate.execution.time_left import left_s
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd
from raytemplate.records.submitted import SubmittedJob
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_start

BUDGET_S, JUDGING_S = 600.0, 30.0  # of the sample plan


def killed(folder, *, after_s, epochs=0, fitted=False):
    """A run whose only process was killed after the given number of seconds."""
    run = FakeRun(folder)
    run.journal.write(sample_start())
    if fitted:
        run.execute(FakeEngine())
        for kind in (RunEnd, PromotionRecord, VerdictRecord, Evaluation):
            run.journal.supersede(kind)
    elif epochs:
        with pytest.raises(KeyboardInterrupt):
            run.execute(FakeEngine(epochs=epochs, crash={"score": KeyboardInterrupt()}))
        run.journal.supersede(FitResult)
    spend(run, after_s)
    return run


def spend(run, seconds):
    """The record of a process that was killed at that time."""
    attempt = {"started": datetime.now(UTC).isoformat(), "seen_s": seconds, "seen_usd": 0.0}
    (run.journal.folder / "attempt-1.json").write_text(json.dumps(attempt))


def resumed(run):
    return api.resume(run.journal.run_id, workspace=str(run.folder))


@pytest.fixture
def nothing_starts(monkeypatch):
    """Makes starting anything an error."""
    from raytemplate.conducting import bind, submitted

    def started(*_, **__):
        raise AssertionError("something was started")

    for owner, name in [(bind, "LocalRay"), (bind, "PromoterProcess"), (submitted, "Jobs")]:
        monkeypatch.setattr(owner, name, started)


SPENT = [
    ("no epoch", {}, BUDGET_S, "and there is no candidate; nothing was started"),
    ("epochs", {"epochs": 2}, BUDGET_S + 1, "no candidate (training is kept up to epoch 2); nothing was started"),
    ("a candidate, the reserve too", {"fitted": True}, BUDGET_S + JUDGING_S, "it is kept, and not judged; nothing"),
]


@pytest.mark.parametrize(("made", "after_s", "says"), [case[1:] for case in SPENT], ids=[case[0] for case in SPENT])
def test_a_spent_run_is_refused_before_anything_starts(tmp_path, nothing_starts, made, after_s, says):
    run = killed(tmp_path, after_s=after_s, **made)
    for _ in range(3):
        with pytest.raises(BudgetSpent) as spent:
            resumed(run)
        assert (spent.value.exit_code, says in spent.value.what) == (4, True), spent.value.what
        assert spent.value.next_step.startswith("raise budget.time")
        assert "raytemplate run /demo/flights-air-time.yaml" in spent.value.next_step
    assert [path.name for path in run.journal.folder.glob("attempt-*")] == ["attempt-1.json"]
    end = run.journal.need(RunEnd)
    assert (end.state, end.exit_code, end.trouble) == ("failed", 4, "budget")


def test_dollars_end_a_run_as_seconds_do(tmp_path, nothing_starts):
    run = killed(tmp_path, after_s=10.0)
    attempt = {"started": datetime.now(UTC).isoformat(), "seen_s": 10.0, "seen_usd": 1.0}
    (run.journal.folder / "attempt-1.json").write_text(json.dumps(attempt))
    with pytest.raises(BudgetSpent, match=r"budget\.cost: 1\.0000 USD of 1\.0000 USD were spent") as spent:
        resumed(run)
    assert spent.value.next_step.startswith("raise budget.cost")


def test_how_a_spent_run_had_ended_stays_as_it_was_recorded(tmp_path, nothing_starts):
    run = killed(tmp_path, after_s=BUDGET_S)
    with pytest.raises(BudgetSpent):
        resumed(run)
    before = (run.journal.folder / "end.json").read_bytes()
    with pytest.raises(BudgetSpent):
        resumed(run)
    assert (run.journal.folder / "end.json").read_bytes() == before
    assert not list(run.journal.folder.glob("end.superseded-*"))


def test_a_champion_that_moved_does_not_take_the_verdict_of_a_run_that_has_no_time_to_be_judged_again(
    tmp_path, nothing_starts
):
    FakeRun(tmp_path).execute(FakeEngine())
    run = FakeRun(tmp_path)
    run.journal.write(sample_start())
    assert run.execute(FakeEngine(weights="other", champion_error=1.0)).state == "rejected"
    FakeRun(tmp_path).execute(FakeEngine(weights="third", candidate_error=0.1))
    before = run.journal.need(RunEnd)
    spend(run, BUDGET_S + JUDGING_S)
    with pytest.raises(BudgetSpent):
        resumed(run)
    assert run.journal.need(RunEnd) == before
    assert run.journal.read(VerdictRecord) is not None


def test_a_candidate_is_judged_within_what_is_left_of_the_reserve_and_nothing_is_trained(tmp_path):
    run = killed(tmp_path, after_s=BUDGET_S + 20, fitted=True)
    meter = read_lock(run.journal).plan.limits.meter(run.journal.spent(), 0.0)
    meter.clock = lambda: 0.0
    assert left_s(run.journal, meter) == pytest.approx(JUDGING_S - 20)
    engine = FakeEngine()
    end = run.execute(engine, spent_s=BUDGET_S + 20)
    assert engine.calls == ["ready", "ingest again", "score", "release"]
    assert end.state == "approved"


def test_a_submitted_run_that_is_spent_is_refused_before_its_cluster_is_asked(tmp_path, nothing_starts):
    run, storage = killed(tmp_path / "here", after_s=30.0), tmp_path / "storage"
    shared = storage / "runs" / run.journal.run_id
    shared.mkdir(parents=True)
    run.journal.write(SubmittedJob(address="http://gone:1", submission_id="s", storage=str(storage), key="", attempt=1))
    attempt = {"started": datetime.now(UTC).isoformat(), "seen_s": BUDGET_S + 1, "seen_usd": 0.0}
    (shared / "attempt-1.json").write_text(json.dumps(attempt))
    with pytest.raises(
        BudgetSpent, match=r"60[1-4] s of 600 s were spent, and there is no candidate; nothing was started"
    ):
        resumed(run)
