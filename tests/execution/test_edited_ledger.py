"""If any column of the ledger is edited by someone who may write the file, every read and every append ends with 7."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from command_line import here
from fake_runs import ADA, GROUNDS, FakeRun
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raytemplate.errors import IntegrityError
from raytemplate.execution.journal import RECORDS
from raytemplate.history.verified import verify_ledger
from raytemplate.ledger import keys
from raytemplate.ledger.events import event_hash
from raytemplate.ledger.keyring import to_sign
from raytemplate.ledger.opening import open_ledger
from raytemplate.records.promoted import PromotionRecord
from raytemplate.testing.fakes import FakeEngine

MODEL, OTHER = "flights-air-time", "trains"
MOMENT = datetime(2013, 6, 1, tzinfo=UTC)
TRIGGERS = ("event_is_never_changed", "event_is_never_deleted", "event_is_appended")


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """A workspace with two champions of one model, a waiting candidate and another model: events 2 to 5."""
    folder = tmp_path_factory.mktemp("honest")
    FakeRun(folder).execute(FakeEngine())
    FakeRun(folder).execute(FakeEngine(weights="second", candidate_error=0.5))
    held = FakeRun(folder, promotion="manual")
    held.execute(FakeEngine(weights="third", candidate_error=0.2, champion_error=0.5))
    held.ledger.promote(OTHER, "d" * 64, "k7q2", MOMENT, 0, ADA, GROUNDS)
    return held


@pytest.fixture
def run(honest):
    before = honest.workspace.governance_db.read_bytes()
    yield honest
    honest.workspace.governance_db.write_bytes(before)


def edit(run, *statements):
    with closing(sqlite3.connect(run.workspace.governance_db)) as db, db:
        for trigger in TRIGGERS:
            db.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            db.execute(statement)


def ended(run, *command):
    found = here(*command, "--workspace", run.folder, cwd=run.folder)
    assert "Traceback" not in found.stderr, found.stderr
    return found.returncode


COLUMNS = {
    "event": {"seq": "seq + 10", "prev_hash": "'x'", "hash": "'x'", "type": "'rolled-back'", "model": "'ghost'",
              "body": "body || ' '", "actor": "'bob'", "idem": "'x'", "at": "'2013-06-02T00:00:00Z'",
              "key": "'x'", "signature": "'x'"},
    "head": {"model": "'ghost'", "term": "term + 1", "version": "1 + version % 2", "digest": "'x'", "run_id": "'x'",
             "seen_until": "'2001-01-01T00:00:00Z'", "at": "'2001-01-01T00:00:00Z'", "event_seq": "event_seq - 1"},
}  # fmt: skip
EVENT_EDITS = [
    (f"event {seq}: {column}", f"UPDATE event SET {column} = {value} WHERE seq = {seq}")
    for column, value in COLUMNS["event"].items()
    for seq in (1, 2, 3, 4)
]
HEAD_EDITS = [
    (f"head: {column}", f"UPDATE head SET {column} = {value} WHERE model = '{MODEL}'")
    for column, value in COLUMNS["head"].items()
]
OTHERS = [
    ("the first event dropped", "DELETE FROM event WHERE seq = 1"),
    ("the last event dropped", "DELETE FROM event WHERE seq = 4"),
    ("the head dropped", f"DELETE FROM head WHERE model = '{MODEL}'"),
    ("a body that is no JSON", "UPDATE event SET body = '{' WHERE seq = 2"),
    ("a time that is none", "UPDATE event SET at = 'soon' WHERE seq = 2"),
    ("a head's time that is none", "UPDATE head SET at = 'soon'"),
    ("an event that is not UTF-8", "UPDATE event SET actor = CAST(x'ff41' AS TEXT) WHERE seq = 2"),
    ("a head that is not UTF-8", "UPDATE head SET digest = CAST(x'ff41' AS TEXT)"),
    ("two events swapped", "UPDATE event SET seq = CASE seq WHEN 1 THEN -2 ELSE -1 END WHERE seq IN (1, 2)"),
]
EDITS = [*EVENT_EDITS, *HEAD_EDITS, *OTHERS]


@pytest.mark.parametrize("statement", [edit for _, edit in EDITS], ids=[name for name, _ in EDITS])
def test_an_edit_of_any_column_ends_every_look_and_every_decision_with_seven(run, statement):
    edit(run, "PRAGMA foreign_keys = OFF", "PRAGMA ignore_check_constraints = ON", statement)
    held = run.journal.run_id
    commands = [
        ("models",), ("show", MODEL), ("show", f"{MODEL}@champion"), ("promote", held), ("resume", held),
        ("rollback", MODEL), ("predict", MODEL, "in.csv", "out.csv"), ("ledger", "verify"),
    ]  # fmt: skip
    assert {command: ended(run, *command) for command in commands} == dict.fromkeys(commands, 7)


@pytest.mark.parametrize("table", ["event", "head"])
def test_the_table_of_edits_has_every_column(honest, table):
    with closing(sqlite3.connect(honest.workspace.governance_db)) as db:
        assert [row[1] for row in db.execute(f"PRAGMA table_info({table})")] == list(COLUMNS[table])


def test_an_honest_ledger_is_whole(run):
    found = verify_ledger(run.workspace)
    assert (found.num_events, found.models, found.num_records, found.faults) == (5, (MODEL, OTHER), 3, ())
    said = here("ledger", "verify", cwd=run.folder)
    whole, signed, outside, last = said.stdout.splitlines()
    assert (said.returncode, whole) == (0, "The ledger is whole: 5 events of 2 models, 3 promotions of runs agree.")
    assert signed.startswith(f"  signed       events 1 to 5; promoter key {keys.promoter().key.id} of ada@")
    assert outside == "  checkpoint   none, so that a ledger that was replaced as a whole would not be found"
    assert last == "  raytemplate ledger show"


def test_verify_names_every_fault_and_not_only_the_first(run):
    edit(
        run,
        "UPDATE event SET actor = 'bob' WHERE seq = 2",
        "UPDATE event SET at = 'soon' WHERE seq = 5",
        "DELETE FROM event WHERE seq = 3",
        "UPDATE head SET digest = 'x' WHERE model = 'trains'",
    )
    said = here("ledger", "verify", "--json", cwd=run.folder)
    told = json.loads(said.stdout)
    assert (said.returncode, told["kind"]) == (7, "LedgerVerified")
    assert told["faults"] == [
        "event 2: was changed after it was written",
        "event 3: missing, event 4 comes next",
        "event 5: was changed after it was written",
    ]


def test_verify_names_the_runs_whose_version_is_gone_beside_the_head(run):
    """As after an older copy of the events was put under a newer head."""
    edit(run, "PRAGMA foreign_keys = OFF", "DELETE FROM event WHERE seq >= 3")
    found = verify_ledger(run.workspace).faults
    (head,) = (fault for fault in found if fault.startswith(f"the head of {MODEL}"))
    records = [fault for fault in found if "promotion.json: " in fault]
    assert head == f"the head of {MODEL} is version 2 in term 2 (event 3), the events say version 1 in term 1 (event 2)"
    assert sorted(record.split(": ", 1)[1].split(" of ")[0] for record in records) == [
        "promoted, version 2",
        "waiting, version 3",
    ]


@pytest.mark.parametrize("record", ["evaluation.json", "snapshot.json"])
def test_a_judged_run_whose_evidence_is_lost_is_not_said_to_have_none_yet(tmp_path, record):
    held = FakeRun(tmp_path, promotion="manual")
    held.execute(FakeEngine())
    (held.journal.folder / record).unlink()
    for command in ("show", "promote"):
        said = here(command, held.journal.run_id, cwd=tmp_path)
        assert (said.returncode, said.stdout) == (7, "")
        assert f"{record}: missing, and the run was judged on it" in said.stderr


def test_an_append_after_an_edited_event_of_another_model_is_refused(run):
    edit(run, "UPDATE event SET actor = 'bob' WHERE seq = 5")
    with pytest.raises(IntegrityError, match=r"governance\.db: event 5: was changed after it was written"):
        run.ledger.promote(MODEL, "e" * 64, "k7q2", MOMENT, 2, ADA, GROUNDS)
    assert len(run.ledger.events()) == 5


def test_a_chain_that_was_written_anew_is_found_by_the_promotions_of_runs(run):
    """A person who has the promoter's key can sign every event anew; the run's own record still tells what it made."""
    put_other_bytes_in_service(run)
    write_anew(run, keys.promoter())
    assert run.ledger.faults() == ()
    (fault,) = verify_ledger(run.workspace).faults
    assert f"promoted, version 2 of {MODEL} in term 2: the events do not say so" in fault
    assert ended(run, "models") == 7


def put_other_bytes_in_service(run):
    digest = json.loads(run.ledger.events()[2].body)["digest"]
    edit(
        run,
        f"UPDATE event SET body = replace(body, '{digest}', '{'f' * 64}') WHERE seq = 3",
        f"UPDATE head SET digest = '{'f' * 64}' WHERE model = '{MODEL}'",
    )


def test_a_chain_that_was_written_anew_without_the_key_is_found_by_its_signatures(run):
    put_other_bytes_in_service(run)
    write_anew(run)
    key = keys.promoter().key.id
    assert run.ledger.faults() == tuple(f"event {seq}: its signature is not by key {key}" for seq in (3, 4, 5))
    for command in (("rollback", MODEL), ("predict", MODEL, "in.csv", "out.csv"), ("ledger", "verify")):
        assert ended(run, *command) == 7
    with pytest.raises(IntegrityError, match="event 3: its signature is not by key"):
        run.ledger.promote(MODEL, "e" * 64, "k7q2", MOMENT, 2, ADA, GROUNDS)


def write_anew(run, signer=None):
    """Every event's hash, and with a signer its signature, as if its edit had been written so."""
    with closing(sqlite3.connect(run.workspace.governance_db)) as db, db:
        before = "0" * 64
        for event in run.ledger.events():
            event = replace(event, prev_hash=before)
            event = replace(event, signature=signer.sign(to_sign(event))) if signer else event
            before = event_hash(event)
            values = (event.prev_hash, before, event.signature, event.seq)
            db.execute("UPDATE event SET prev_hash = ?, hash = ?, signature = ? WHERE seq = ?", values)


@pytest.mark.parametrize(
    "body", ["[]", "{}", "null", '"x"', "{", '{"term":1e400}', "[" * 100_000], ids=lambda body: body[:12]
)
def test_a_body_that_cannot_be_read_is_seven_although_its_hash_is_right(run, body):
    edit(run, f"UPDATE event SET body = '{body}' WHERE seq = 2")
    write_anew(run)
    assert {ended(run, *command) for command in (("models",), ("show", MODEL), ("ledger", "verify"))} == {7}


def test_a_record_of_a_run_that_was_edited_is_named(run):
    path = run.journal.folder / RECORDS[PromotionRecord]
    before = path.read_text()
    path.write_text(before.replace('"waiting"', '"promoted"'))
    (fault,) = verify_ledger(run.workspace).faults
    path.write_text(before)
    assert fault.startswith(f"{path}: was changed after the run had written it")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_flipped_byte_of_the_file_is_either_seven_or_changes_no_answer(run, place, flip):
    path = run.workspace.governance_db
    before = path.read_bytes()
    told = [run.ledger.history(model) for model in (MODEL, OTHER)]
    data = bytearray(before)
    data[int(place * len(data))] ^= flip
    path.write_bytes(data)
    try:
        assert [open_ledger(run.workspace).history(model) for model in (MODEL, OTHER)] == told
    except IntegrityError:
        pass
    finally:
        path.write_bytes(before)
