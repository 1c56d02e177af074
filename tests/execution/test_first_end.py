"""The first process to write how a run ended wins; every process exits with the code of the end that stands."""

import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fake_runs import FakeRun

import raytemplate as package
from raytemplate.conducting import watchdog
from raytemplate.conducting.timekeeper import Timekeeper
from raytemplate.errors import BudgetSpent, EngineError, PlanError, RaytemplateError, Unavailable, from_code
from raytemplate.execution import lock
from raytemplate.execution.failure import failed, keep_end, rewrite_end
from raytemplate.execution.journal import Journal
from raytemplate.planning.stages import RunPlan
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd
from raytemplate.testing.fakes import FakeEngine, LedgerPromoter
from raytemplate.testing.sample_plans import sample_plan
from raytemplate.testing.samples import sample_end

LATE = "the process of the run did not end by itself"


def meter_of(plan: RunPlan, journal: Journal):
    return plan.limits.meter(journal.spent(), time.monotonic())


def watchdog_records(run):
    """Do what a run's watchdog does once the time is over; whether the run's process was faster."""
    meter = meter_of(run.plan, run.journal)
    asked = watchdog._Asked(
        attempt=str(run.journal.folder / "attempt-1.json"),
        started=meter.started,
        limit_s=meter.limit_s,
        limit_usd=meter.limit_usd,
        judging_s=meter.judging_s,
        judging_usd=meter.judging_usd,
        earlier_s=0.0,
        earlier_usd=0.0,
    )
    was_quicker = threading.Event()
    watchdog._record(run.journal.folder, asked, was_quicker)
    return was_quicker.is_set()


def test_of_many_writers_at_once_one_is_the_first_and_the_others_are_told_which(tmp_path):
    for number in range(5):
        journal = Journal(tmp_path / str(number))
        journal.folder.mkdir()
        start, told = threading.Barrier(6), {}

        def write(mine, journal=journal, start=start, told=told):
            start.wait()
            told[mine] = keep_end(journal, sample_end(message=str(mine)))

        writers = [threading.Thread(target=write, args=(mine,)) for mine in range(6)]
        for one in writers:
            one.start()
        for one in writers:
            one.join()
        stands = journal.need(RunEnd)
        assert [mine for mine, stood in told.items() if stood is None] == [int(stands.message)]
        assert [stood for stood in told.values() if stood is not None] == [stands] * 5
        assert sorted(path.name for path in journal.folder.iterdir()) == ["end.json", "passed.jsonl"]


def test_a_run_that_ends_well_while_its_watchdog_writes_has_ended_well(tmp_path, monkeypatch):
    run, read_lock = FakeRun(tmp_path), lock.read_lock

    def meanwhile(journal):
        run.execute(FakeEngine())
        return read_lock(journal)

    monkeypatch.setattr(lock, "read_lock", meanwhile)
    assert watchdog_records(run)
    end = run.journal.need(RunEnd)
    assert (end.state, end.exit_code) == ("approved", 0)
    assert not (run.journal.folder / "error.txt").exists()


def test_a_run_whose_watchdog_was_quicker_ends_with_the_code_of_the_record(tmp_path):
    run = FakeRun(tmp_path)

    class Late(LedgerPromoter):
        def project(self, journal, within_s=None):
            assert not watchdog_records(run)

    with pytest.raises(BudgetSpent, match="it is kept, and not judged") as told:
        run.execute(FakeEngine(), promoter=Late(run.ledger, run.store))
    end = run.journal.need(RunEnd)
    assert (end.state, end.exit_code, end.message) == ("failed", told.value.exit_code, told.value.what)
    assert run.journal.need(PromotionRecord).outcome == "promoted"  # the ledger has decided
    run.journal.supersede(RunEnd)  # as `resume` does
    assert run.execute(FakeEngine()).exit_code == 0


FIRST = {
    "nothing": (None, 3, 3),
    "the watchdog": ({"state": "failed", "exit_code": 4, "message": LATE}, 4, 4),
    "Ray that was lost": ({"state": "failed", "exit_code": 8, "message": "Ray has gone"}, 8, 8),
    "a good end": ({"state": "approved", "exit_code": 0}, 3, 0),
}


@pytest.mark.parametrize(("first", "told", "recorded"), FIRST.values(), ids=FIRST)
def test_a_failure_after_another_end_is_told_as_that(tmp_path, first, told, recorded):
    journal, plan, error = Journal(tmp_path), sample_plan(), PlanError("no room")
    if first:
        assert keep_end(journal, sample_end(**first)) is None
    before = journal.read(RunEnd)
    keeper = Timekeeper(plan, journal, meter_of(plan, journal), own=True)
    ended = keeper.failed(error)
    assert (ended.exit_code, ended is error) == (told, told == 3)
    assert failed(journal, plan, meter_of(plan, journal), error).exit_code == told
    end = journal.need(RunEnd)
    assert (end.exit_code, before in (None, end)) == (recorded, True)
    assert (tmp_path / "error.txt").exists() == (first is None)


@pytest.mark.parametrize(("first", "late"), [(None, True), ("failed", True), ("approved", False)])
def test_work_that_was_asked_to_end_was_late_unless_it_ended_well(tmp_path, first, late):
    journal, plan = Journal(tmp_path), sample_plan()
    if first:
        journal.write(sample_end(state=first, exit_code=4 if first == "failed" else 0))
    keeper = Timekeeper(plan, journal, meter_of(plan, journal), own=True)
    assert keeper.was_late() is None  # nobody has asked: this is Ctrl-C
    keeper._asked_s = 1.0
    assert (keeper.was_late() is not None) == late


def test_the_word_of_a_person_alone_takes_the_place_of_an_end(tmp_path):
    run = FakeRun(tmp_path)
    run.execute(FakeEngine())
    run.journal.write(replace(run.journal.need(RunEnd), state="held", exit_code=5))
    rewrite_end(run.journal)
    assert (run.journal.need(RunEnd).state, run.journal.need(RunEnd).exit_code) == ("approved", 0)


def test_every_writer_of_an_end_writes_it_as_the_first():
    root = Path(package.__file__).parent
    sources = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*.py")}
    made = {name for name, text in sources.items() if re.search(r"\bRunEnd\(\n|replace\(end\b", text)}
    assert made == {"execution/execute.py", "execution/failure.py", "testing/samples.py"}
    written = {name for name in made if re.search(r"\.write\((end|self\._end|replace\(end)", sources[name])}
    assert written == {"execution/failure.py"}


@pytest.mark.parametrize(
    "error", [PlanError("a"), BudgetSpent("a"), Unavailable("a"), EngineError("fit", "a")], ids=repr
)
def test_an_error_of_a_record_has_its_code(error):
    again = from_code(error.exit_code, error.what, "next")
    assert (again.exit_code, again.what, again.next_step) == (error.exit_code, error.what, "next")
    assert type(from_code(1, "a", "")) is RaytemplateError
