"""A lost ledger is never started over: every command that needs it ends with 7 and leaves everything as it is."""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from command_line import here
from fake_runs import ADA, GROUNDS, FakeRun
from other_users import let_in

from raytemplate import api
from raytemplate.errors import IntegrityError, UsageError
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.opening import open_ledger
from raytemplate.planning.stages import plan_id
from raytemplate.records import codec
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_promotion, sample_start

MODEL = "flights-air-time"
MOMENT = datetime(2013, 6, 1, tzinfo=UTC)


@pytest.fixture
def two(tmp_path):
    """A workspace with a champion and a better candidate that waits for a person."""
    first = FakeRun(tmp_path)
    first.execute(FakeEngine())
    held = FakeRun(tmp_path, promotion="manual")
    held.execute(FakeEngine(weights="other", candidate_error=0.5))
    for run in (first, held):
        run.journal.write(sample_start(run_id=run.journal.run_id, name=MODEL))
    saved = api.Planned(plan=replace(held.plan, id=plan_id(held.plan)), spec=None, workspace=held.workspace)
    api.save_plan(saved, tmp_path / "saved.json")
    return first, held


def gone(path, first):
    path.unlink()


def emptied(path, first):
    path.write_bytes(b"")


def cut_short(path, first):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_to_one_page(path, first):
    path.write_bytes(path.read_bytes()[:4096])


def garbage(path, first):
    path.write_bytes(b"x" * 9000)


def another_database(path, first):
    path.unlink()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE alembic_version (version_num TEXT)")


def another_with_our_number(path, first):
    another_database(path, first)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version = 1")


def another_workspaces(path, first):
    path.unlink()
    Ledger(path).promote(MODEL, "d" * 64, "k7q2", MOMENT, 0, ADA, GROUNDS)


def of_other_models(path, first):
    path.unlink()
    Ledger(path).promote("another", "d" * 64, "k7q2", MOMENT, 0, ADA, GROUNDS)


def one_without_the_newest(path, first):
    head = Ledger(path).head(MODEL)
    path.unlink()
    Ledger(path).promote(MODEL, head.digest, head.run_id, MOMENT, 0, ADA, GROUNDS)


def a_folder(path, first):
    path.unlink()
    path.mkdir()


def a_link_to_nowhere(path, first):
    path.unlink()
    path.symlink_to("not-mounted/governance.db")


def a_link_to_itself(path, first):
    path.unlink()
    path.symlink_to(path)


def only_its_journal(path, first):
    path.rename(path.with_name("governance.db-wal"))


def text_that_is_not_utf8(path, first):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE head SET run_id = CAST(x'ff41' AS TEXT)")


def gone_and_one_run_left(path, first):
    path.unlink()
    shutil.rmtree(first.journal.folder)


def gone_and_a_record_damaged(path, first):
    path.unlink()
    (first.journal.folder / "promotion.json").write_text('{"schema": 1, "ki')


FAULTS = [
    gone, emptied, cut_short, cut_to_one_page, garbage, another_database, another_with_our_number, another_workspaces,
    of_other_models, one_without_the_newest, a_folder, a_link_to_nowhere, a_link_to_itself, only_its_journal,
    text_that_is_not_utf8, gone_and_one_run_left, gone_and_a_record_damaged,
]  # fmt: skip


def files(folder):
    """Every path with its size; that of a folder says nothing in memory, where it grows with each name."""
    paths = [path for path in folder.rglob("*") if path.name != "active"]
    return {path.relative_to(folder): 0 if path.is_dir() else path.lstat().st_size for path in paths}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_command_that_needs_the_ledger_ends_with_seven_and_changes_nothing(two, tmp_path, fault):
    first, held = two
    path = first.workspace.governance_db
    fault(path, first)
    before = files(tmp_path)
    for command in (
        ("models",), ("show", MODEL), ("show", f"{MODEL}/1"), ("rollback", MODEL), ("promote", held.journal.run_id),
        ("resume", held.journal.run_id), ("run", "--plan", "saved.json", "--workspace", tmp_path),
        ("predict", MODEL, "in.csv", "out.csv"),
    ):  # fmt: skip
        ended = here(*command, cwd=tmp_path)
        assert ended.returncode == 7, (command, ended)
        assert str(path) in ended.stderr and f"restore {path} from a backup" in ended.stderr, (command, ended.stderr)
    assert files(tmp_path) == before


def test_the_doors_of_python_raise_the_same(two, tmp_path):
    first, held = two
    first.workspace.governance_db.unlink()
    folder, planned = str(tmp_path), api.read_plan(tmp_path / "saved.json", workspace=str(tmp_path))
    doors = {
        "run": lambda: api.run(planned), "resume": lambda: api.resume(held.journal.run_id, workspace=folder),
        "promote": lambda: api.promote(held.journal.run_id, workspace=folder),
        "rollback": lambda: api.rollback(MODEL, workspace=folder), "models": lambda: api.models(workspace=folder),
        "model": lambda: api.model(MODEL, workspace=folder),
    }  # fmt: skip
    for name, door in doors.items():
        with pytest.raises(IntegrityError) as refused:
            door()
        run_id = min(first.journal.run_id, held.journal.run_id)
        assert refused.value.what == (
            f"{first.workspace.governance_db}: missing, though run {run_id} has registered a version in it"
        ), name
    assert not first.workspace.governance_db.exists()


def test_a_run_whose_ledger_is_lost_meanwhile_promotes_nothing(two, tmp_path):
    first, _ = two

    class Loses(FakeEngine):
        def score(self, *arguments):
            first.workspace.governance_db.unlink()
            return super().score(*arguments)

    third = FakeRun(tmp_path)
    with pytest.raises(IntegrityError, match="missing, though run"):
        third.execute(Loses(weights="third", candidate_error=0.1), promoter=OpensLedger(third))
    assert not first.workspace.governance_db.exists()


class OpensLedger:
    """Opens the ledger as the promoter does, when it is asked."""

    def __init__(self, run):
        self.run = run

    def decide(self, journal):
        open_ledger(self.run.workspace)


def test_an_older_copy_from_before_a_rollback_is_refused_by_its_term(two, tmp_path):
    first, held = two
    copy = first.workspace.governance_db.read_bytes()
    api.promote(held.journal.run_id, workspace=str(tmp_path))
    first.workspace.governance_db.write_bytes(copy)
    with pytest.raises(IntegrityError, match=f"does not know version 2 of {MODEL} in term 2, which run"):
        open_ledger(first.workspace)


def test_a_decision_that_was_taken_again_since_still_names_its_version(two):
    _, held = two
    for kind in (RunEnd, PromotionRecord):
        held.journal.supersede(kind)
    held.workspace.governance_db.unlink()
    shutil.rmtree(two[0].journal.folder)
    with pytest.raises(IntegrityError, match=f"missing, though run {held.journal.run_id} has registered"):
        open_ledger(held.workspace)


def test_a_run_is_shown_by_its_own_records_without_the_ledger(two, tmp_path):
    first, held = two
    first.workspace.governance_db.unlink()
    assert here("show", held.journal.run_id, cwd=tmp_path).returncode == 0
    assert here("runs", cwd=tmp_path).returncode == 0


def test_runs_that_cannot_be_listed_are_not_no_runs(two, tmp_path):
    first, _ = two
    first.workspace.governance_db.unlink()
    shutil.rmtree(first.workspace.runs)
    first.workspace.runs.write_text("")
    with pytest.raises(UsageError, match="runs: cannot be read: Not a directory"):
        open_ledger(first.workspace)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_ledger_that_this_user_may_not_read_is_bad_usage_and_not_a_loss(two, tmp_path):
    let_in(tmp_path)
    os.seteuid(65534)
    try:
        with pytest.raises(UsageError, match=r"governance\.db: cannot be opened or written by this user") as refused:
            api.models(workspace=str(tmp_path))
    finally:
        os.seteuid(0)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("outcome", ["shown", None], ids=["only for show", "rejected"])
def test_a_workspace_whose_runs_have_registered_nothing_begins_its_ledger(tmp_path, outcome):
    run = FakeRun(tmp_path)
    run.journal.write(sample_start(run_id=run.journal.run_id))
    if outcome:
        (run.journal.folder / "promotion.json").write_bytes(codec.dumps(sample_promotion(outcome=outcome, version=0)))
    assert open_ledger(run.workspace).models() == ()
    assert not run.workspace.governance_db.exists()
    assert FakeRun(tmp_path).execute(FakeEngine()).state == "approved"
