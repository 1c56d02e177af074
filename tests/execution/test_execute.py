"""Doors are passed once: finished work is not repeated, and a run resumes where it stopped."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from fake_runs import ADA, GROUNDS, FakeRun

from raytemplate.errors import BudgetSpent, ChampionMoved, DataError, TrainingFailed
from raytemplate.planning import stages
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Approved, Held, Rejected, VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd
from raytemplate.testing.fakes import FakeEngine, LedgerPromoter
from raytemplate.testing.sample_plans import sample_ingest_stage

MOMENT = datetime(2013, 5, 1, tzinfo=UTC)
MODEL = "flights-air-time"
DOORS = (Snapshot, FitResult, Evaluation, VerdictRecord, PromotionRecord, RunEnd)


def passed(run):
    return [kind.__name__ for kind in DOORS if run.journal.read(kind) is not None]


def test_a_whole_run_passes_every_door_once(tmp_path):
    run, engine = FakeRun(tmp_path), FakeEngine()
    end = run.execute(engine)
    assert passed(run) == [kind.__name__ for kind in DOORS]
    assert engine.calls == ["ready", "ingest", "fit", "score", "release"]
    assert run.heard.said == [
        "ingest ..",
        "ingest",
        "fit ..",
        "epoch 1",
        "epoch 2",
        "epoch 3",
        "fit",
        "evaluate ..",
        "evaluate",
        "govern ..",
        "govern",
    ]
    assert (end.state, end.exit_code) == ("approved", 0)
    assert run.ledger.head("flights-air-time").digest == run.journal.need(FitResult).candidate.digest


def test_a_run_that_is_done_does_nothing_again(tmp_path):
    run, second = FakeRun(tmp_path), FakeEngine()
    run.execute(FakeEngine())
    before = {path.name: path.read_bytes() for path in run.journal.folder.glob("*.json") if path.name != "end.json"}
    run.execute(second)
    assert second.calls == ["release"]
    assert {name: (run.journal.folder / name).read_bytes() for name in before} == before
    assert run.ledger.history("flights-air-time").term == 1


def test_a_verdict_that_was_given_but_not_acted_upon_is_given_again(tmp_path):
    run = FakeRun(tmp_path)
    run.execute(FakeEngine())
    run.journal.supersede(PromotionRecord)
    run.journal.supersede(RunEnd)
    end = run.execute(FakeEngine())
    assert (end.state, end.exit_code) == ("approved", 0)  # it was this very run that made the champion
    assert run.ledger.history("flights-air-time").term == 1


class SlowEngine(FakeEngine):
    """Waits at one stage until it is released."""

    def __init__(self, at):
        super().__init__()
        self.at, self.go_on = at, threading.Event()

    def _called(self, stage):
        super()._called(stage)
        if stage == self.at:
            self.go_on.wait()


@pytest.mark.parametrize(
    ("stage", "left_s", "says"), [("ingest", 0.2, "before the data had been read"), ("score", 2.0, "it is kept")]
)
def test_a_stage_that_waits_for_ever_ends_with_the_budget(tmp_path, monkeypatch, stage, left_s, says):
    monkeypatch.setattr(stages, "LEAST_JUDGING_S", 0.2)
    run, engine = FakeRun(tmp_path), SlowEngine(stage)
    run.plan = replace(run.plan, limits=replace(run.plan.limits, time_s=10.0, reserve_s=0.0))
    if stage == "score":
        run.execute(FakeEngine())
        for kind in (RunEnd, PromotionRecord, VerdictRecord, Evaluation):
            run.journal.supersede(kind)
    with pytest.raises(BudgetSpent, match=says) as spent:
        run.execute(engine, spent_s=10.0 - left_s)
    engine.go_on.set()
    assert spent.value.exit_code == 4
    assert run.journal.read(Evaluation) is None


def test_what_training_cost_is_recorded(tmp_path):
    run = FakeRun(tmp_path)
    run.plan = replace(run.plan, limits=replace(run.plan.limits, usd_per_s=0.01))
    run.execute(FakeEngine())
    assert run.journal.need(FitResult).usage.cost_usd == pytest.approx(0.001)


STOPS = [
    ("ingest", [], ["ready", "ingest", "fit", "score", "release"]),
    ("fit", ["Snapshot"], ["ready", "ingest again", "fit", "score", "release"]),
    ("score", ["Snapshot", "FitResult"], ["ready", "ingest again", "score", "release"]),
]


@pytest.mark.parametrize(("stage", "kept", "calls"), STOPS, ids=[s for s, *_ in STOPS])
def test_a_run_goes_on_at_the_door_where_it_stopped(tmp_path, stage, kept, calls):
    run, second = FakeRun(tmp_path), FakeEngine()
    with pytest.raises(KeyboardInterrupt):
        run.execute(FakeEngine(crash={stage: KeyboardInterrupt()}))
    assert passed(run) == kept
    run.execute(second)
    assert second.calls == calls
    assert passed(run) == [kind.__name__ for kind in DOORS]


@pytest.mark.parametrize(
    ("source", "told"),
    [("sql", "the query is run again, and gives what its tables hold now"), ("parquet", "the files are read")],
)
def test_a_run_that_goes_on_without_its_copy_of_the_rows_says_so(tmp_path, source, told):
    run = FakeRun(tmp_path, changes={"ingest": sample_ingest_stage(source=source)})
    with pytest.raises(KeyboardInterrupt):
        run.execute(FakeEngine(crash={"fit": KeyboardInterrupt()}))
    run.journal.write(replace(run.journal.need(Snapshot), kept="ab" * 32))
    run.execute(FakeEngine())
    path = run.workspace.kept / "ab" / ("ab" * 32)
    assert f"note: {path}: the copy of the rows that the run kept is not there; {told}" in run.heard.said


def test_a_run_that_was_evaluated_is_judged_without_an_engine(tmp_path):
    run, second = FakeRun(tmp_path), FakeEngine()

    class Stopped:
        def decide(self, journal):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.execute(FakeEngine(), promoter=Stopped())
    assert run.execute(second).state == "approved"
    assert second.calls == ["release"]


def test_training_goes_on_after_the_last_checkpoint(tmp_path):
    run = FakeRun(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run.execute(FakeEngine(epochs=2, crash={"score": KeyboardInterrupt()}))
    run.journal.supersede(FitResult)
    run.execute(FakeEngine(epochs=6))
    assert [e.epoch for e in run.journal.epochs()] == [1, 2, 3, 4, 5, 6]
    assert run.journal.need(FitResult).resumed_from_epoch == 2


def test_the_budget_ends_before_a_candidate(tmp_path):
    run = FakeRun(tmp_path)
    with pytest.raises(BudgetSpent) as spent:
        run.execute(FakeEngine(epochs=0))
    assert spent.value.exit_code == 4
    assert "before the first checkpoint; there is no candidate" in spent.value.what
    assert passed(run) == ["Snapshot"]


def test_the_budget_ends_after_some_epochs_and_the_best_of_them_is_judged(tmp_path):
    run = FakeRun(tmp_path)
    assert run.execute(FakeEngine(epochs=2)).state == "approved"
    fit = run.journal.need(FitResult)
    assert (fit.stopped, fit.candidate.epoch) == ("budget.time", 2)


@pytest.mark.parametrize("error", [DataError("a.parquet: damaged"), TrainingFailed("nan in epoch 2")], ids=str)
def test_an_error_of_a_stage_comes_through_and_leaves_no_record(tmp_path, error):
    run = FakeRun(tmp_path)
    with pytest.raises(type(error)) as raised:
        run.execute(FakeEngine(crash={"ingest": error}))
    assert raised.value is error
    assert passed(run) == []


def test_a_candidate_that_is_not_good_enough_is_rejected(tmp_path):
    run = FakeRun(tmp_path)
    end = run.execute(FakeEngine(candidate_error=13.0))
    assert (end.state, end.exit_code) == ("rejected", 5)
    assert isinstance(run.journal.need(VerdictRecord).verdict, Rejected)
    assert run.ledger.head("flights-air-time") is None
    assert run.journal.read(PromotionRecord) is None


def test_a_manual_promotion_is_held_and_waits_as_challenger(tmp_path):
    run = FakeRun(tmp_path, promotion="manual")
    end = run.execute(FakeEngine())
    assert (end.state, end.exit_code) == ("held", 5)
    assert isinstance(run.journal.need(VerdictRecord).verdict, Held)
    assert run.journal.need(PromotionRecord).outcome == "waiting"
    assert [v.state for v in run.ledger.history("flights-air-time").versions] == ["challenger"]


def test_the_same_bytes_as_the_champion_change_nothing(tmp_path):
    FakeRun(tmp_path).execute(FakeEngine())
    again = FakeRun(tmp_path)
    end = again.execute(FakeEngine())
    assert (end.state, end.exit_code) == ("unchanged", 0)
    assert again.journal.need(PromotionRecord).outcome == "unchanged"
    assert again.ledger.history("flights-air-time").term == 1


def test_a_better_candidate_takes_the_champions_place(tmp_path):
    FakeRun(tmp_path).execute(FakeEngine())
    second = FakeRun(tmp_path)
    # The champion's evidence is worthless if it has seen the test rows; the sample plan's has not.
    assert second.execute(FakeEngine(weights="other", champion_error=2.0)).state == "approved"
    assert isinstance(second.journal.need(VerdictRecord).verdict, Approved)
    assert second.ledger.head("flights-air-time").version == 2


def test_a_candidate_no_better_than_the_champion_is_rejected(tmp_path):
    FakeRun(tmp_path).execute(FakeEngine())
    second = FakeRun(tmp_path)
    assert second.execute(FakeEngine(weights="other", champion_error=1.0)).state == "rejected"
    assert second.ledger.head("flights-air-time").version == 1


class Meanwhile(LedgerPromoter):
    """Lets another model become the champion just before each of its first decisions."""

    others: ClassVar[list[str]] = []

    def decide(self, journal):
        if self.others:
            self.ledger.promote(MODEL, self.others.pop(), "k7q2", MOMENT, self.ledger.history(MODEL).term, ADA, GROUNDS)
        super().decide(journal)


@pytest.fixture
def raced(tmp_path, monkeypatch):
    """A run and its promoter; the champion moves before each of the promoter's first `times` decisions."""

    def make(times):
        run, others = FakeRun(tmp_path), []
        for number in range(times):
            other = FakeRun(tmp_path / f"elsewhere-{number}")
            other.execute(FakeEngine(weights=f"other {number}"))
            others.append(other.ledger.head(MODEL).digest)
            run.store.put(other.store.path(others[-1]))
        monkeypatch.setattr(Meanwhile, "others", others)
        return run, Meanwhile(run.ledger, run.store)

    return make


def test_a_champion_that_moves_before_the_judgement_is_compared_with_without_training(raced):
    run, promoter = raced(1)
    engine = FakeEngine(candidate_error=0.5)
    assert run.execute(engine, promoter=promoter).state == "approved"
    assert engine.calls == ["ready", "ingest", "fit", "score", "score", "release"]
    evaluation, superseded = (
        json.loads((run.journal.folder / f"evaluation{name}.json").read_text()) for name in ("", ".superseded-1")
    )
    assert (superseded["champion_ref"], evaluation["champion_ref"]["version"]) == (None, 1)
    assert run.ledger.head(MODEL).version == 2
    assert "note: the champion is version 1 now: the candidate was evaluated again, against it" in run.heard.said


def test_a_candidate_that_the_new_champion_beats_is_rejected_and_not_raced(raced):
    run, promoter = raced(1)
    assert run.execute(FakeEngine(candidate_error=1.5, champion_error=1.0), promoter=promoter).exit_code == 5
    assert run.ledger.head(MODEL).version == 1


@pytest.mark.parametrize(("times", "scored", "wins"), [(3, 4, True), (4, 4, False)], ids=["three times", "once more"])
def test_a_candidate_is_evaluated_again_three_times_at_most(raced, times, scored, wins):
    run, promoter = raced(times)
    engine = FakeEngine(candidate_error=0.1)
    if wins:
        assert run.execute(engine, promoter=promoter).state == "approved"
    else:
        with pytest.raises(ChampionMoved) as moved:
            run.execute(engine, promoter=promoter)
        assert moved.value.next_step == f"raytemplate resume {run.journal.run_id}"
    assert engine.calls.count("score") == scored and engine.calls.count("fit") == 1
    assert run.ledger.faults() == ()


def test_evaluating_again_has_what_is_left_of_judging_and_no_more(raced):
    run, promoter = raced(1)

    class Slow(FakeEngine):
        def score(self, *arguments):
            run.clock.pass_s(run.plan.limits.time_s + run.plan.limits.reserve_s + 30)
            return super().score(*arguments)

    engine = Slow(candidate_error=0.5)
    with pytest.raises(ChampionMoved):
        run.execute(engine, promoter=promoter)
    assert engine.calls.count("score") == 1


def test_what_evaluating_again_took_is_no_time_of_judging(raced):
    run, promoter = raced(1)

    class Slow(FakeEngine):
        def score(self, *arguments):
            run.clock.pass_s(7)
            return super().score(*arguments)

    end = run.execute(Slow(candidate_error=0.5), promoter=promoter)
    assert [(t.stage, t.actual_s) for t in end.timings if t.stage in ("evaluate", "govern")] == [
        ("evaluate", 7.0),
        ("evaluate", 7.0),
        ("govern", 0.0),
    ]


def test_a_run_that_comes_late_is_judged_against_the_champion_of_then(tmp_path):
    first, second = FakeRun(tmp_path), FakeRun(tmp_path)

    class Late:
        def decide(self, journal):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        second.execute(FakeEngine(weights="other"), promoter=Late())
    first.execute(FakeEngine())
    assert second.execute(FakeEngine(champion_error=1.0)).state == "rejected"
    assert first.ledger.head("flights-air-time").version == 1


def test_a_champion_whose_bytes_are_damaged_blocks_and_is_named(tmp_path):
    first, second = FakeRun(tmp_path), FakeRun(tmp_path)
    first.execute(FakeEngine())
    folder = first.store.path(first.ledger.head("flights-air-time").digest)
    (folder / "weights.safetensors").chmod(0o644)
    (folder / "weights.safetensors").write_text("changed")
    assert second.execute(FakeEngine(weights="other")).state == "rejected"
    finding = second.journal.need(VerdictRecord).verdict.findings[1]
    assert (finding.gate, finding.outcome) == ("beats-champion", "block")
    assert "weights.safetensors" in finding.found
