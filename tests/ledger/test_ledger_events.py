"""Edits are detected."""

import os
import re
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from raytemplate.errors import IntegrityError, Unavailable, UsageError
from raytemplate.ledger import sqlite
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.head import Ledger
from raytemplate.records.judged import Actor

ANN = Actor(name="ann", reason="ü|x")
GROUNDS = Grounds(plan="p", snapshot="s", evaluation_sha256="e", set_outside=("governance.gates",))
START = datetime(2013, 6, 1, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "governance.db", lambda: START)
    for term, digest in enumerate("abc"):
        made.promote("flights", digest, f"run-{digest}", START, term, ANN, GROUNDS)
    made.promote("other", "d", "run-d", START, 0, ANN, GROUNDS)
    return made


def edit(ledger: Ledger, *statements: str) -> None:
    with closing(sqlite3.connect(ledger.path)) as db, db:
        for statement in statements:
            db.execute(statement)


def test_verify_of_an_honest_ledger_passes(ledger: Ledger) -> None:
    assert ledger.faults() == ()
    assert [e.seq for e in ledger.events()] == [1, 2, 3, 4, 5]
    assert [e.seq for e in ledger.events("other")] == [5]
    assert ledger.events()[0].at == "2013-06-01T00:00:00Z"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET actor = 'bob' WHERE seq = 1",
        "DELETE FROM event WHERE seq = 5",
        "INSERT INTO event SELECT 9, prev_hash, 'h', type, model, body, actor, 'i', at, '', '' FROM event",
        "REPLACE INTO event SELECT 2, prev_hash, 'h', type, model, body, 'bob', 'i', at, '', '' FROM event",
        "REPLACE INTO event SELECT 6, prev_hash, 'h', type, model, body, 'bob', idem, at, '', '' FROM event",
    ],
    ids=["update", "delete", "gap", "replace by seq", "replace by key"],
)
def test_the_database_refuses_to_change_events(ledger: Ledger, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=r"events are (never|only)"):
        edit(ledger, statement)
    assert ledger.faults() == ()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE event SET actor = 'bob' WHERE seq = 2", "event 2: was changed after it was written"),
        ("UPDATE event SET at = '2013-06-02T00:00:00Z' WHERE seq = 5", "event 5: was changed after it was written"),
        ("DELETE FROM event WHERE seq = 2", "event 2: missing, event 3 comes next"),
        ("DELETE FROM event WHERE seq = 5", "the head of other is version 1 in term 1"),
        ("UPDATE head SET digest = 'x' WHERE model = 'flights'", "the head of flights is version 3 in term 3"),
        (
            "UPDATE head SET seen_until = '2099-01-01T00:00:00Z', run_id = 'eve' WHERE model = 'flights'",
            r"the head of flights is version 3 in term 3 \(event 4\), but its run_id is eve, .*; its seen_until",
        ),
        ("DELETE FROM head WHERE model = 'flights'", "the head of flights is none, the events say version 3"),
    ],
    ids=["actor", "time", "dropped", "last dropped", "head edited", "head of other data", "head dropped"],
)
def test_verify_finds_an_edit_made_after_the_triggers_were_dropped(
    ledger: Ledger, statement: str, message: str
) -> None:
    edit(ledger, "DROP TRIGGER event_is_never_changed", "DROP TRIGGER event_is_never_deleted", statement)
    assert re.search(message, "\n".join(ledger.faults()))


def test_promote_over_an_edited_head_is_refused(ledger: Ledger) -> None:
    edit(ledger, "UPDATE head SET digest = 'x', term = 7 WHERE model = 'flights'")
    with pytest.raises(IntegrityError, match="the head of flights is version 3 in term 7"):
        ledger.promote("flights", "e", "run-e", START, 7, ANN, GROUNDS)


def test_the_file_is_for_its_owner_alone(ledger: Ledger) -> None:
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
    assert sorted(os.listdir(ledger.path.parent)) == ["governance.db", "governance.db.lock"]


def test_a_newer_schema_says_upgrade(ledger: Ledger) -> None:
    edit(ledger, "PRAGMA user_version = 4")
    with pytest.raises(IntegrityError, match="schema 4, this version reads up to 3: upgrade raytemplate"):
        ledger.head("flights")


@pytest.mark.parametrize("data", [b"", b"not a database" * 500], ids=["empty", "garbage"])
def test_a_file_that_is_no_ledger_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    ledger = Ledger(tmp_path / "governance.db")
    ledger.path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"governance\.db: .*not a ledger"):
        ledger.head("flights")
    with pytest.raises(IntegrityError, match=r"governance\.db: .*not a ledger"):
        ledger.promote("flights", "a", "run-a", START, 0, ANN, GROUNDS)


def test_a_corrupt_page_is_found_by_verify(ledger: Ledger) -> None:
    data = bytearray(ledger.path.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 16] = b"\xff" * 16
    ledger.path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"governance\.db"):
        assert ledger.faults() == ()


def test_a_deleted_ledger_with_its_journal_still_there_is_not_started_anew(ledger: Ledger) -> None:
    ledger.path.rename(ledger.path.with_name("elsewhere"))
    ledger.path.with_name("governance.db-wal").write_bytes(b"x")
    with pytest.raises(IntegrityError, match="missing, but its journal is there"):
        ledger.promote("flights", "a", "run-a", START, 0, ANN, GROUNDS)


def test_a_ledger_locked_for_too_long_is_unavailable(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.1)
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match=r"governance\.db: locked by another process"):
            ledger.promote("flights", "e", "run-e", START, 3, ANN, GROUNDS)
        assert ledger.history("flights").term == 3  # readers do not wait


def test_a_promotion_that_fails_halfway_leaves_nothing(ledger: Ledger) -> None:
    def broken() -> datetime:
        raise RuntimeError("no clock")

    with pytest.raises(RuntimeError):
        Ledger(ledger.path, broken).promote("flights", "e", "run-e", START, 3, ANN, GROUNDS)
    assert (ledger.history("flights").term, len(ledger.events())) == (3, 5)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_ledger_of_another_user_is_a_usage_error(ledger: Ledger) -> None:
    os.seteuid(65534)
    try:
        with pytest.raises(UsageError, match=r"governance\.db"):
            ledger.promote("flights", "e", "run-e", START, 3, ANN, GROUNDS)
    finally:
        os.seteuid(0)
