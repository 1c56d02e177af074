"""What only a team's ledger has: rights, the database's clock, a network that is lost."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from postgres_ledgers import edit, new_ledger, opened, run, url_of
from silent_proxy import SilentProxy

from raytemplate.errors import Forbidden, IntegrityError, RaytemplateError, Unavailable, UsageError
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.database import reading, writing
from raytemplate.ledger.head import Ledger, Move, utc_now
from raytemplate.ledger.opening import open_ledger
from raytemplate.ledger.outside import check_outside, keep_checkpoint
from raytemplate.ledger.postgres_sql import ledger_sql
from raytemplate.records.codec import encode
from raytemplate.records.judged import Actor
from raytemplate.secret import reference
from raytemplate.store.workspace import Workspace

psycopg = pytest.importorskip("psycopg")
postgres_module = pytest.importorskip("raytemplate.ledger.postgres")
pytestmark = pytest.mark.postgres
ANN, GROUNDS = Actor(name="ann"), Grounds(plan="p", snapshot="s", evaluation_sha256="e")
START, MODEL = datetime(2013, 6, 1, tzinfo=UTC), "flights"


def promote(ledger: Ledger, digest: str, term: int) -> Move:
    return ledger.promote(MODEL, digest, f"run-{digest}", START, term, ANN, GROUNDS)


@pytest.fixture
def ledger(postgres: str) -> Ledger:
    """Event 1 adds the key; two promotions."""
    made = Ledger(new_ledger(postgres))
    promote(made, "a", 0)
    promote(made, "b", 1)
    return made


CHANGES = [
    "UPDATE event SET actor = 'bob' WHERE seq = 2",
    "DELETE FROM event WHERE seq = 3",
    "TRUNCATE event CASCADE",
    "DELETE FROM head",
    "INSERT INTO event SELECT 9, prev_hash, 'h', type, 'x', body, actor, 'i', at, '', '' FROM event WHERE seq = 1",
    "INSERT INTO event SELECT 4, prev_hash, 'h', type, model, body, actor, 'i', at, '', '' FROM event WHERE seq = 3",
]


@pytest.mark.parametrize("statement", CHANGES, ids=["update", "delete", "empty", "head", "gap", "term twice"])
def test_nobody_changes_an_event_and_no_term_has_two_champions(ledger: Ledger, postgres: str, statement: str) -> None:
    schema = ledger.database.schema
    for url in (postgres, url_of(postgres, schema)):
        with pytest.raises(psycopg.DatabaseError, match=r"never changed|only appended|permission denied|event_of_term"):
            run(url, f"SET search_path = {schema}", statement)
    assert (ledger.faults(), len(ledger.events())) == ((), 3)


EDITS = [
    ("UPDATE event SET actor = 'bob' WHERE seq = 2", "event 2: was changed after it was written"),
    ("DELETE FROM event WHERE seq = 2", "event 2: missing, event 3 comes next"),
    ("UPDATE head SET digest = 'x'", "the head of flights is version 2 in term 2"),
    ("UPDATE event SET body = 'x' WHERE seq = 3", "event 3: was changed after it was written"),
]


@pytest.mark.parametrize(("statement", "fault"), EDITS, ids=["edited", "dropped", "head", "body"])
def test_what_an_administrator_edits_is_found(ledger: Ledger, postgres: str, statement: str, fault: str) -> None:
    edit(postgres, ledger, statement)
    assert any(each.startswith(fault) for each in ledger.faults())
    with pytest.raises(IntegrityError):
        promote(ledger, "c", 2)


def test_a_reader_looks_and_does_not_write(postgres: str) -> None:
    ledger = Ledger(new_ledger(postgres, member_of="reader"))
    assert (ledger.models(), ledger.head(MODEL), ledger.faults()) == ((), None, ())
    with pytest.raises(Forbidden, match=r"^ledger.url .*: the user of the URL lacks a right: permission denied") as no:
        promote(ledger, "a", 0)
    assert "promoters" in no.value.next_step


def test_making_the_schema_again_changes_nothing(ledger: Ledger, postgres: str) -> None:
    before = ledger.events()
    run(postgres, ledger_sql(ledger.database.schema))
    assert (ledger.events(), ledger.faults(), promote(ledger, "c", 2).head.version) == (before, (), 3)


WRONG = {
    "no server": ({"port": 1}, Unavailable, "the database does not answer: Connection refused; nothing was written"),
    "password": ({"word": "a-wrong-one"}, Forbidden, "the database denies access to the user of the URL"),
    "user": ({"user": "nobody-there"}, Forbidden, "the database denies access to the user of the URL"),
    "database": ({"database": "none"}, UsageError, "the server has no database of that name"),
    "schema": ({"schema": "none"}, UsageError, "the database has no such schema; an administrator makes it"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_the_url_is_told_without_it(ledger: Ledger, postgres: str, name: str) -> None:
    changes, kind, told = WRONG[name]
    found = ledger.database
    schema, word = changes.pop("schema", found.schema), changes.pop("word", found.url.password)
    names = {"user": "username"}
    url = found.url.set(password=word, **{names.get(key, key): value for key, value in changes.items()})
    database = opened(f"{url.set(drivername='postgresql').render_as_string(hide_password=False)}?schema={schema}")
    for work in (lambda: Ledger(database).models(), lambda: promote(Ledger(database), "c", 2)):
        with pytest.raises(kind) as refused:
            work()
        assert refused.value.what == f"ledger.url (schema {schema}): {told}" and refused.value.next_step
        assert word not in refused.value.what + refused.value.next_step


def test_a_user_without_a_role_is_told_so(postgres: str) -> None:
    with pytest.raises(UsageError, match="the user of the URL may not use it; an administrator makes it"):
        Ledger(new_ledger(postgres, member_of="")).models()


def test_a_newer_schema_says_upgrade(ledger: Ledger, postgres: str) -> None:
    edit(postgres, ledger, "UPDATE about SET number = 4")
    with pytest.raises(IntegrityError, match="has schema 4, this version reads up to 3: upgrade raytemplate"):
        ledger.head(MODEL)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_wrong_writes_nothing(ledger: Ledger, days: int) -> None:
    skewed = Ledger(ledger.database, lambda: utc_now() + timedelta(days=days))
    with pytest.raises(Unavailable, match="of this machine and of the database are 1440 minutes apart, more than 5"):
        promote(skewed, "c", 2)
    assert len(ledger.events()) == 3


def test_time_is_the_databases_and_never_goes_back(ledger: Ledger) -> None:
    now = utc_now()
    with reading(ledger.database) as db:
        assert db is not None
        assert abs(db.moment(now - timedelta(minutes=4), "") - now) < timedelta(seconds=30)
        later = now + timedelta(minutes=4)
        assert db.moment(now, encode(later)) == later
        with pytest.raises(Unavailable, match="the database's clock and the time of the last event are"):
            db.moment(now, encode(now + timedelta(minutes=9)))


def test_what_the_database_gave_up_is_done_again(ledger: Ledger, postgres: str) -> None:
    schema = ledger.database.schema
    run(
        postgres, f"SET search_path = {schema}", f"CREATE SEQUENCE tries; GRANT USAGE ON tries TO {schema}",
        "CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('{schema}.tries') < 3 THEN RAISE 'deadlock' USING ERRCODE = '40P01'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER give_up BEFORE UPDATE ON head FOR EACH ROW EXECUTE FUNCTION give_up()",
    )  # fmt: skip
    assert promote(ledger, "c", 2).head.version == 3
    assert (len(ledger.events()), ledger.faults()) == (4, ())


def test_another_who_writes_for_too_long_is_eight(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_module, "_BEGIN", postgres_module._BEGIN.replace("'10s'", "'1ms'"))
    with writing(ledger.database), pytest.raises(Unavailable, match="locked by another process for too long"):
        promote(ledger, "c", 2)
    assert ledger.history(MODEL).term == 2


@pytest.fixture
def proxy(postgres: str) -> Iterator[SilentProxy]:
    with SilentProxy(int(postgres.rpartition(":")[2].partition("/")[0])) as between:
        yield between


@pytest.mark.parametrize("after", [0, 6, 9, 12])
def test_a_network_that_falls_silent_ends_in_time_and_keeps_all_or_nothing(
    ledger: Ledger, postgres: str, proxy: SilentProxy, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setitem(postgres_module._CONNECTING, "connect_timeout", "4")
    cut = Ledger(opened(url_of(postgres, ledger.database.schema, port=proxy.port)))
    cut.models()  # the first connection also asks for the server's version
    with monkeypatch.context() as impatience, suppress(Unavailable):
        impatience.setattr("raytemplate.ledger.impatient.SILENCE_S", 1.0)
        proxy.silent_after, began = proxy.num_answers + after, time.monotonic()
        promote(cut, "c", 2)
    assert time.monotonic() - began < 8
    term = ledger.history(MODEL).term
    assert (term in (2, 3), ledger.faults()) == (True, ())
    proxy.silent_after = sys.maxsize
    assert promote(cut, "c", 2).head.term == 3  # the same request, once more


def test_a_workspace_opens_the_ledger_of_its_team(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, workspace = reference("env", "LEDGER_URL_OF_TESTS"), Workspace(tmp_path)
    assert open_ledger(workspace, url).head(MODEL) == ledger.head(MODEL)
    monkeypatch.delenv("LEDGER_URL_OF_TESTS")
    with pytest.raises(UsageError, match=r"^ledger.url: the environment variable \w+ is not set; governance.yaml"):
        open_ledger(workspace, url)
    for text, told in (("sqlite:///x.db", "another kind of database"), ("nonsense", "is not a URL such as")):
        monkeypatch.setenv("LEDGER_URL_OF_TESTS", text)
        with pytest.raises(UsageError, match=told):
            open_ledger(workspace, url)


def test_without_the_driver_the_way_to_install_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setenv("LEDGER_URL_OF_TESTS", "postgresql://ada:secret@host/db")
    with pytest.raises(RaytemplateError) as refused:
        open_ledger(Workspace(tmp_path), reference("env", "LEDGER_URL_OF_TESTS"))
    assert refused.value.what == "ledger.url: PostgreSQL needs psycopg, not installed here"
    assert refused.value.next_step == "pip install 'raytemplate[sql]'"


def test_a_schema_that_was_made_anew_is_found_by_its_checkpoints(
    ledger: Ledger, postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert keep_checkpoint(ledger).warning == ""
    schema, was = ledger.database.schema, ledger.keyring().ledger
    run(postgres, f"DROP SCHEMA {schema} CASCADE", ledger_sql(schema))
    for term in range(3):
        promote(ledger, f"x{term}", term)
    (fault,) = check_outside(ledger.database, ledger.examine()).faults
    assert fault.startswith(f"ledger.url (schema {schema}): ledger {was} with 3 events was here")
