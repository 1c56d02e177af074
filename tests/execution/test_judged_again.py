"""Which runs are judged again and which are left alone, when the champion has moved."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from fake_runs import ADA, GATES, FakeRun

from raytemplate import api
from raytemplate.errors import ChampionMoved, DataError, EngineError, IntegrityError, TrainingFailed, UsageError
from raytemplate.execution.decide import decide, is_stale, refuse_if_stale
from raytemplate.execution.resuming import is_unfinished, working_on
from raytemplate.history.runs import Run
from raytemplate.ledger.head import Ledger
from raytemplate.planning.stages import plan_id
from raytemplate.records import codec
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.sample_plans import sample_govern_stage
from raytemplate.testing.samples import sample_start

MODEL = "flights-air-time"


def another_run(first, **engine):
    """A second candidate of the same workspace, better than the first."""
    run = FakeRun(first.folder)
    run.execute(FakeEngine(weights="other", candidate_error=0.5, **engine))
    return run


def test_a_run_that_was_promoted_and_rolled_back_is_not_judged_again(tmp_path):
    first = FakeRun(tmp_path)
    first.execute(FakeEngine())
    second = another_run(first)
    assert first.ledger.head(MODEL).version == 2
    first.ledger.rollback(MODEL, ADA, to_version=1, expected_term=first.ledger.history(MODEL).term)
    assert not is_stale(second.journal, first.ledger, MODEL)
    with pytest.raises(ChampionMoved) as refused:
        refuse_if_stale(second.journal, first.ledger, MODEL)
    assert "was promoted already, as version 2" in refused.value.what
    assert refused.value.next_step == f"raytemplate rollback {MODEL}/2"


class Nobody:
    """The promoting process dies before it decides."""

    def decide(self, journal):
        raise EngineError("promote", "ended before it answered")


class SlowToSee(Ledger):
    """A ledger whose head is read just before another process moves it."""

    __slots__ = ()

    def head(self, model):
        return None


def test_of_two_runs_with_the_same_bytes_at_the_same_moment_one_makes_the_champion(tmp_path):
    quicker, slower = FakeRun(tmp_path), FakeRun(tmp_path)
    with pytest.raises(EngineError):
        slower.execute(FakeEngine(), promoter=Nobody())
    quicker.execute(FakeEngine())
    seen_before = SlowToSee(slower.ledger.path)
    record = decide(slower.journal, slower.plan, seen_before, slower.store, actor=ADA)
    assert (record.outcome, record.version, record.term, record.previous_version) == ("unchanged", 1, 1, 1)
    assert quicker.ledger.head(MODEL).run_id == quicker.journal.run_id


def test_rollback_works_where_the_records_of_the_run_are_gone(tmp_path):
    first = FakeRun(tmp_path)
    first.execute(FakeEngine())
    another_run(first)
    shutil.rmtree(first.journal.folder)
    move, _ = api.rollback(MODEL, workspace=str(tmp_path))
    assert (move.head.version, first.ledger.head(MODEL).version) == (1, 1)


def test_a_saved_plan_that_was_edited_is_refused(tmp_path):
    plan = FakeRun(tmp_path).plan
    saved = tmp_path / "plan.json"
    saved.write_bytes(codec.dumps(replace(plan, id=plan_id(plan))))
    read = api.read_plan(saved).plan
    assert replace(read, template=plan.template) == replace(plan, id=plan_id(plan))
    saved.write_text(saved.read_text().replace('"num_epochs": 6', '"num_epochs": 1'))
    with pytest.raises(IntegrityError, match="edited since it was saved"):
        api.read_plan(saved)


def test_a_run_that_was_held_is_stale_once_another_was_promoted(tmp_path):
    held = FakeRun(tmp_path, promotion="manual")
    held.execute(FakeEngine())
    assert not is_stale(held.journal, held.ledger, MODEL)
    another_run(held)
    assert is_stale(held.journal, held.ledger, MODEL)


def test_only_the_very_same_plan_is_gone_on_with(tmp_path):
    run = FakeRun(tmp_path)
    run.journal.write(replace(sample_start(), plan_id=run.plan.id))
    assert is_unfinished(run.journal, run.plan)
    assert is_unfinished(run.journal, replace(run.plan, machine="another", forecast=run.plan.forecast))
    stricter = sample_govern_stage(gates=GATES, promotion="manual", skips=())
    assert not is_unfinished(run.journal, replace(run.plan, govern=stricter))
    (run.journal.folder / "end.json").write_text("{")
    assert not is_unfinished(run.journal, run.plan)
    with working_on(run.journal):
        assert not is_unfinished(run.journal, run.plan)
        with pytest.raises(UsageError, match="is being worked on by another process"), working_on(run.journal):
            pass
    run.journal.supersede(RunEnd)
    run.execute(FakeEngine())
    assert run.journal.read(RunEnd) is not None and run.journal.read(RunStart) is not None
    assert not is_unfinished(run.journal, run.plan)


class BadChampion(FakeEngine):
    """A champion that predicts NaN."""

    def score(self, *arguments):
        scores = super().score(*arguments)
        name = "champion" if "champion" in scores.predictions else self.bad
        predictions = dict(scores.predictions)
        if name in predictions:
            predictions[name] = np.where(np.arange(len(scores.target)) < 3, np.nan, predictions[name])
        return replace(scores, predictions=predictions)

    bad = ""


def test_a_champion_that_predicts_nan_is_a_problem_that_blocks(tmp_path):
    first = FakeRun(tmp_path)
    first.execute(FakeEngine())
    second = FakeRun(tmp_path)
    end = second.execute(BadChampion(weights="other", candidate_error=0.5))
    assert (end.state, end.exit_code) == ("rejected", 5)
    found = second.journal.need(Evaluation).champion_problem
    assert found == "version 1 cannot be scored: 3 of its predictions are NaN or infinite"


def test_f12_a_candidate_that_predicts_nan_has_failed(tmp_path):
    engine = BadChampion()
    engine.bad = "candidate"
    with pytest.raises(TrainingFailed, match="the candidate cannot be judged: 3 of its predictions are NaN"):
        FakeRun(tmp_path).execute(engine)


class ConstantTarget(FakeEngine):
    """A test window in which nothing varies."""

    def score(self, *arguments):
        scores = super().score(*arguments)
        return replace(scores, target=np.full(len(scores.target), 7.0))


def test_a_deciding_metric_without_a_value_is_bad_data(tmp_path):
    run = FakeRun(tmp_path)
    run.plan = replace(run.plan, evaluate=replace(run.plan.evaluate, metric="r2", also=()))
    with pytest.raises(DataError, match="r2 decides and has no value") as refused:
        run.execute(ConstantTarget())
    assert refused.value.exit_code == 2


def test_a_judged_run_that_lacks_what_it_was_judged_on_is_not_shown(tmp_path):
    run = FakeRun(tmp_path)
    run.execute(FakeEngine())
    run.journal.write(sample_start())
    (run.journal.folder / "evaluation.json").unlink()
    with pytest.raises(IntegrityError, match=r"evaluation\.json: missing, and the run was judged on it"):
        Run(run.journal).view()


def test_a_champion_that_came_back_has_nothing_to_be_decided(tmp_path):
    first = FakeRun(tmp_path)
    first.execute(FakeEngine())
    another_run(first)
    api.rollback(MODEL, workspace=str(tmp_path))
    before = first.ledger.events(MODEL)
    verdict = (first.journal.folder / "verdict.json").read_text()
    api.promote(first.journal.run_id, reason="again", workspace=str(tmp_path))
    after = first.ledger.events(MODEL)
    assert (after, (first.journal.folder / "verdict.json").read_text()) == (before, verdict)
