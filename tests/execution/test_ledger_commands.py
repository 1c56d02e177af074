"""`ledger` and `identity` as a person uses them, on a workspace with a champion that a person promoted."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from command_line import here
from fake_runs import FakeRun

from raytemplate import api
from raytemplate.ledger import keys
from raytemplate.ledger.outside import checkpoint_file
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_start

MODEL = "flights-air-time"


@pytest.fixture
def promoted(tmp_path, monkeypatch):
    """Events: the promoter's key, a waiting candidate, the person's key, the promotion."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    run = FakeRun(tmp_path / "demo", promotion="manual")
    run.journal.write(sample_start(run_id=run.journal.run_id, name=MODEL))
    run.execute(FakeEngine())
    api.promote(run.journal.run_id, reason="looks right", workspace=str(run.folder))
    return run


def test_show_lists_every_event_with_who_and_which_key(promoted):
    person, promoter = keys.signer("identity").key.id, keys.promoter().key.id
    titles, *lines = here("ledger", "show", cwd=promoted.folder).stdout.splitlines()
    assert titles.split() == ["no.", "when", "what", "model", "who", "signed", "by", "why"]
    assert "key added" in lines[0] and f"promoter key {promoter} of ada@" in lines[0]
    assert "waiting version 1" in lines[1] and MODEL in lines[1]
    assert f"identity key {person} of " in lines[2]
    assert "promoted version 1" in lines[3] and f"({person[:6]})  {promoter[:8]}" in lines[3]
    assert lines[3].endswith("looks right")
    assert f"({person[:6]})" in here("show", MODEL, cwd=promoted.folder).stdout


def test_verify_tells_what_is_signed_and_what_a_checkpoint_covers(promoted):
    said = here("ledger", "verify", "--json", cwd=promoted.folder)
    told, ledger = json.loads(said.stdout), promoted.ledger.keyring().ledger
    assert (said.returncode, told["signed_since"], told["ledger"], told["faults"]) == (0, 1, ledger, [])
    assert told["keys"] == [keys.promoter().key.id, keys.signer("identity").key.id]
    assert told["checkpoints"] == [{"file": str(checkpoint_file(ledger)), "events": 4}]
    text = " ".join(here("ledger", "verify", cwd=promoted.folder).stdout.split())
    assert "proves no event that it covers was changed, dropped or reordered since, unless by a person who" in text


def test_an_export_is_verified_elsewhere_and_against_a_checkpoint(promoted, tmp_path):
    elsewhere, file = tmp_path / "elsewhere", tmp_path / "ledger.jsonl"
    elsewhere.mkdir()
    note = checkpoint_file(promoted.ledger.keyring().ledger)
    assert here("ledger", "export", file, cwd=promoted.folder).returncode == 0
    whole = here("ledger", "verify", file, "--against", note, cwd=elsewhere)
    assert (whole.returncode, whole.stdout.splitlines()[0]) == (0, "The exported ledger is whole: 4 events of 1 model.")
    file.write_text("\n".join(file.read_text().splitlines()[:-1]))
    cut = here("ledger", "verify", file, "--against", note, cwd=elsewhere)
    assert cut.returncode == 7 and f"event 4: missing; {note} has a checkpoint of 4 events" in cut.stdout
    for wrong in (note, tmp_path / "none"):
        assert here("ledger", "verify", wrong, cwd=elsewhere).returncode == (7 if wrong == note else 2)


def test_an_edited_ledger_is_shown_with_its_fault_and_not_exported(promoted, tmp_path):
    with closing(sqlite3.connect(promoted.workspace.governance_db)) as db, db:
        db.execute("DROP TRIGGER event_is_never_changed")
        db.execute("UPDATE event SET actor = 'bob' WHERE seq = 2")
    shown = here("ledger", "show", cwd=promoted.folder)
    assert (shown.returncode, "event 2: was changed after it was written" in shown.stdout) == (7, True)
    assert here("ledger", "export", tmp_path / "x", cwd=promoted.folder).returncode == 7
    assert not (tmp_path / "x").exists()


def test_a_promoters_key_is_replaced_and_revoked(promoted):
    old = keys.promoter().key.id
    assert here("identity", "new", "--promoter", cwd=promoted.folder).returncode == 0
    said = here("identity", "revoke", old[:6], "--reason", "stolen", cwd=promoted.folder)
    assert (said.returncode, said.stdout.splitlines()[-1]) == (0, "  raytemplate identity list"), said.stderr
    listed = json.loads(here("identity", "list", "--json", cwd=promoted.folder).stdout)["keys"]
    assert [(key["id"], key["revoked"]) for key in listed if key["purpose"] == "promoter"] == [
        (old, 6), (keys.promoter().key.id, 0),
    ]  # fmt: skip
    assert here("ledger", "verify", cwd=promoted.folder).returncode == 0
    unknown = here("identity", "revoke", "zzzzzz", cwd=promoted.folder)
    assert (unknown.returncode, unknown.stderr) == (
        2,
        'the ledger knows no key "zzzzzz"\n  raytemplate identity list\n',
    )


def test_that_no_checkpoint_was_kept_is_told_and_the_decision_stands(promoted, tmp_path):
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "state").write_text("")
    again = FakeRun(promoted.folder, promotion="manual")
    again.journal.write(sample_start(run_id=again.journal.run_id, name=MODEL))
    again.execute(FakeEngine(weights="other", candidate_error=0.5))
    said = here("promote", again.journal.run_id, cwd=promoted.folder)
    assert "Ledger: no checkpoint of the ledger was kept outside the workspace: " in " ".join(said.stdout.split())
    assert (said.returncode, promoted.ledger.head(MODEL).version) == (0, 2)
    back = here("rollback", MODEL, cwd=promoted.folder)
    assert back.stdout.splitlines()[1].startswith("no checkpoint of the ledger was kept outside the workspace: ")


def test_a_key_that_others_can_read_ends_a_decision_before_anything_is_moved(promoted):
    (keys.key_folder() / "identity.pem").chmod(0o640)
    said = here("promote", promoted.journal.run_id, cwd=promoted.folder)
    assert (said.returncode, "others can use this private key (mode 0640, expected 0600)" in said.stderr) == (7, True)
