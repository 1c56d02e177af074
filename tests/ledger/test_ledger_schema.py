"""A ledger of schema 1 or 2 is read as it is; its first change converts it to schema 3, completely or not at all."""

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from raytemplate.errors import ChampionMoved, RaytemplateError, Unavailable
from raytemplate.ledger.bodies import Body, Grounds, Promotion, Rollback, Waiting
from raytemplate.ledger.events import Event, body_of
from raytemplate.ledger.head import Ledger
from raytemplate.records.judged import Actor

OLD = Path(__file__).parents[1] / "fixtures" / "workspace_0_1" / "workspace" / "governance.db"
OF_SCHEMA_2 = Path(__file__).parents[1] / "fixtures" / "ledger_schema_2" / "governance.db"
MODEL = "pump-pressure"
ANN, NOW = Actor(name="ann", reason="it drips"), datetime(2026, 3, 1, tzinfo=UTC)
GROUNDS = Grounds(plan="p", snapshot="s", evaluation_sha256="e")
NUM_AT_ONCE, NUM_KILLS = 6, 25


@pytest.fixture
def old(tmp_path: Path) -> Ledger:
    shutil.copy(OLD, tmp_path / "governance.db")
    return Ledger(tmp_path / "governance.db", lambda: NOW)


def rows(ledger: Ledger) -> tuple[int, list[tuple[object, ...]]]:
    """The schema and all events."""
    with closing(sqlite3.connect(ledger.path)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0], db.execute(
            "SELECT * FROM event ORDER BY seq"
        ).fetchall()


def in_child(work: Callable[[], object]) -> int:
    """Does something in a process of its own; its id."""
    if child := os.fork():
        return child
    try:
        work()
    except RaytemplateError as error:
        os._exit(error.exit_code)
    except BaseException:
        os._exit(99)
    os._exit(0)


def ended(child: int) -> int:
    """How a child ended: its exit code, or a signal's number below 0."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def whole(ledger: Ledger) -> bool:
    """That it is what it was, or has changed as a whole; whether it has."""
    schema, events = rows(ledger)
    assert (schema, len(events)) in ((1, 3), (3, 5))
    assert ledger.faults() == ()
    assert ledger.history(MODEL).term == (2 if schema == 1 else 3)
    return schema == 3


def test_a_ledger_of_schema_2_is_read_as_it_is_and_raised_by_its_next_event(tmp_path: Path) -> None:
    shutil.copy(OF_SCHEMA_2, tmp_path / "governance.db")
    ledger = Ledger(tmp_path / "governance.db", lambda: NOW)
    schema, before = rows(ledger)
    assert (schema, len(before), ledger.faults(), ledger.history(MODEL).term) == (2, 5, (), 3)
    assert ledger.rollback(MODEL, ANN, to_version=2).head.term == 4
    schema, after = rows(ledger)
    assert (schema, [row[:9] for row in after[:5]], len(after), ledger.faults()) == (3, before, 7, ())


def said(type_: str, **details: object) -> Body:
    """The body of an event of schema 1 by ada."""
    of_version = {"term": 1, "version": 1, "digest": "d", "run_id": "r", "seen_until": "2026-01-27T00:00:00Z"}
    body = json.dumps({"kind": "Change", "details": details, **of_version})
    return body_of(Event(seq=1, prev_hash="", hash="", type=type_, model=MODEL, body=body, actor="ada", idem="", at=""))


OUTSIDE = "; governance.gates, governance.promotion set outside the template"
SAID = {
    "automatic": ("promoted", {"by": "automatic"}, Actor(name="ada", automatic=True), ()),
    "a person": ("promoted", {"by": "ada"}, Actor(name="ada"), ()),
    "a reason": ("promoted", {"by": "ada: fewer; leaks: 3"}, Actor(name="ada", reason="fewer; leaks: 3"), ()),
    "outside": ("promoted", {"by": f"ada: a; b{OUTSIDE}"}, Actor(name="ada", reason="a; b"),
                ("governance.gates", "governance.promotion")),
    "held": ("waiting", {"by": ""}, Actor(name="ada", automatic=True), ()),
    "held, outside": ("waiting", {"by": OUTSIDE}, Actor(name="ada", automatic=True),
                      ("governance.gates", "governance.promotion")),
    "no details": ("waiting", {}, Actor(name="ada", automatic=True), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_what_was_glued_into_one_text_is_told_apart(name: str) -> None:
    type_, details, actor, outside = SAID[name]
    body = said(type_, plan="p", **details)
    assert isinstance(body, Waiting | Promotion) and body.type == type_
    assert (body.actor, body.grounds.set_outside, body.grounds.plan) == (actor, outside, "p")


def test_a_rollback_of_schema_1_has_its_reason() -> None:
    body = said("rolled-back", reason="bad")
    assert isinstance(body, Rollback) and body.actor == Actor(name="ada", reason="bad")


def test_looking_at_it_and_asking_again_what_was_done_change_no_byte(old: Ledger) -> None:
    before = old.path.read_bytes()
    assert old.faults() == () and old.models() == (MODEL,) and len(old.events()) == 3
    held, head = old.history(MODEL).versions[-1], old.head(MODEL)
    assert head is not None
    assert old.wait(MODEL, held.digest, held.run_id, held.seen_until, ANN, GROUNDS) == held
    assert old.promote(MODEL, head.digest, head.run_id, head.seen_until, 1, ANN, GROUNDS).head == head
    with pytest.raises(ChampionMoved):
        old.promote(MODEL, "f", "r", NOW, 0, ANN, GROUNDS)
    assert old.path.read_bytes() == before
    assert rows(old)[0] == 1


def test_its_first_change_makes_it_schema_3_and_leaves_every_earlier_event_as_it_was_hashed(old: Ledger) -> None:
    _, before = rows(old)
    assert old.rollback(MODEL, ANN).head.version == 1
    schema, after = rows(old)
    assert (schema, [row[:9] for row in after[:3]], old.faults()) == (3, before, ())
    assert [row[9:] for row in after[:3]] == [("", "")] * 3  # not signed, and not to be
    bodies = [body_of(event) for event in old.events(MODEL)]
    assert [type(body) for body in bodies] == [Promotion, Promotion, Waiting, Rollback]
    assert [body.actor for body in bodies] == [Actor(name="someone", automatic=True)] * 3 + [ANN]
    assert isinstance(bodies[0], Promotion) and bodies[0].grounds.plan == "d02c6e"


@pytest.mark.slow
def test_a_change_that_is_killed_before_any_of_its_statements_leaves_a_whole_ledger(old: Ledger) -> None:
    def killed_before(last: int) -> None:
        connect, number = sqlite3.connect, count()

        def traced(*args: object, **settings: object) -> sqlite3.Connection:
            db: sqlite3.Connection = connect(*args, **settings)  # type: ignore[arg-type]
            db.set_trace_callback(lambda _: os.kill(os.getpid(), signal.SIGKILL) if next(number) == last else None)
            return db

        sqlite3.connect = traced  # type: ignore[assignment]  # in the child alone
        old.rollback(MODEL, ANN)

    for last in count():
        how = ended(in_child(lambda last=last: killed_before(last)))
        assert how in (-signal.SIGKILL, 0)
        assert whole(old) == (how == 0)
        if how == 0:
            break
    assert last > 8


@pytest.mark.slow
def test_a_change_that_is_killed_at_any_moment_leaves_a_whole_ledger(old: Ledger) -> None:
    chance = random.Random(7)
    for _ in range(NUM_KILLS):
        shutil.copy(OLD, old.path)
        child = in_child(lambda: old.rollback(MODEL, ANN))
        time.sleep(chance.uniform(0.0, 0.02))
        os.kill(child, signal.SIGKILL)
        assert ended(child) in (-signal.SIGKILL, 0)
        whole(old)
        for left in old.path.parent.iterdir():
            left.unlink()


@pytest.mark.parametrize("room", [0, 32, 4096, 8192, 12_000, 16_500, 20_000, 24_576, 33_000, 10**6])
def test_a_change_on_a_full_disk_leaves_a_whole_ledger(old: Ledger, room: int) -> None:
    def change_in(most: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        old.rollback(MODEL, ANN)

    how = ended(in_child(lambda: change_in(room)))
    assert how == (0 if whole(old) else Unavailable.exit_code)
    assert (how == 0) >= (room == 10**6)


def test_processes_that_change_it_at_once_all_have_their_event(old: Ledger) -> None:
    gate, hold = os.pipe()

    def held(who: int) -> None:
        os.close(hold)
        os.read(gate, 1)
        old.wait(MODEL, f"digest-{who}", f"run-{who}", NOW, ANN, GROUNDS)

    children = [in_child(lambda who=who: held(who)) for who in range(NUM_AT_ONCE)]
    os.close(hold)
    assert [ended(child) for child in children] == [0] * NUM_AT_ONCE
    os.close(gate)
    schema, events = rows(old)
    assert (schema, len(events), old.faults()) == (3, 4 + NUM_AT_ONCE, ())
    assert len(old.history(MODEL).versions) == 3 + NUM_AT_ONCE
