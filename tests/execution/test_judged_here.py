"""A submitted run is judged where the command was typed; if that fails, its records tell it like a local run's."""

import time

import pytest
from fake_runs import FakeRun

from raytemplate.budget import Meter
from raytemplate.conducting import submitted
from raytemplate.conducting.work import Work
from raytemplate.engines.ray.jobs.client import JobState
from raytemplate.errors import ChampionMoved, EngineError, IntegrityError
from raytemplate.execution.execute import Execution
from raytemplate.execution.handover import Handover, hand_out, shared_journal, shared_store
from raytemplate.execution.in_turn import MOST_AGAIN
from raytemplate.records.run import RunEnd
from raytemplate.records.submitted import SubmittedJob
from raytemplate.testing.fakes import FakeEngine, Heard, LedgerPromoter
from raytemplate.testing.samples import sample_start


class Done:
    """A cluster whose job has done its work."""

    def __init__(self, address):
        self.address = address

    def state(self, _):
        return JobState(status="SUCCEEDED", message="", run_id="k7q2")


class Judge(LedgerPromoter):
    """Fails with the given error, and counts how often it was called."""

    def __init__(self, run, error):
        super().__init__(run.ledger, run.store)
        self.error, self.asked = error, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def decide(self, journal):
        self.asked += 1
        if self.error:
            raise self.error
        super().decide(journal)


def judged(folder, monkeypatch, error):
    """Follow a run whose job has left an evaluation; returns its judge."""
    run, storage = FakeRun(folder / "here"), folder / "shared"
    run.journal.write(sample_start(run_id=run.journal.run_id))
    run.journal.write(
        SubmittedJob(address="http://head", submission_id="k7q2", storage=str(storage), key="", attempt=1)
    )
    hand_out(storage, run.journal, run.store, Handover(champion=None, spent_s=0.0))
    Execution(
        plan=run.plan,
        journal=shared_journal(storage, run.journal.run_id),
        engine=FakeEngine(),
        promoter=None,
        store=shared_store(storage),
        meter=Meter(limit_s=600.0, limit_usd=1.0, clock=run.clock, started=run.clock()),
        listener=Heard(),
        champion_now=lambda: None,
        package=lambda folder: None,
    ).run_up_to_evaluation()
    judge = Judge(run, error)
    monkeypatch.setattr(submitted, "Jobs", Done)
    monkeypatch.setattr(submitted, "PromoterProcess", lambda *_, **__: judge)
    return run, judge


def follow(run):
    submitted.conduct_submitted(
        Work(plan=run.plan, journal=run.journal, workspace=run.workspace, listener=run.heard, began=time.monotonic())
    )


FAILS = {
    "the champion moved for the last time": (ChampionMoved("the champion is now version 2"), 6, MOST_AGAIN + 1),
    "the promoter died": (EngineError("promote", "the promoting process ended before it answered"), 8, 1),
    "integrity": (IntegrityError("weights.safetensors: changed"), 7, 1),
    "a bug": (KeyError("x"), 1, 1),
}


@pytest.mark.parametrize(("error", "code", "asked"), FAILS.values(), ids=FAILS)
def test_what_fails_while_it_is_judged_is_the_end_of_a_submitted_run(tmp_path, monkeypatch, error, code, asked):
    run, judge = judged(tmp_path, monkeypatch, error)
    with pytest.raises(type(error)) as raised:
        follow(run)
    end = run.journal.need(RunEnd)
    assert (raised.value is error, end.state, end.exit_code, end.message) == (True, "failed", code, str(error))
    assert (judge.asked, (run.journal.folder / "error.txt").exists()) == (asked, True)
    if getattr(error, "retry", "") == "as it is":
        assert error.next_step == f"raytemplate resume {run.journal.run_id}"


def test_one_that_is_interrupted_while_it_is_judged_has_no_end_and_one_that_is_judged_has_its_own(
    tmp_path, monkeypatch
):
    run, judge = judged(tmp_path, monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        follow(run)
    assert run.journal.read(RunEnd) is None
    judge.error = None
    follow(run)
    assert (run.journal.need(RunEnd).state, run.journal.need(RunEnd).exit_code) == ("approved", 0)
