"""What is kept outside the workspace tells a ledger that was cut short, restored or replaced from the one that was."""

import base64
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.checkpoints import disagreements, read_notes, signed_checkpoint
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.outside import check_outside, checkpoint_file, keep_checkpoint
from raytemplate.ledger.signing import Signer, new_private_key, signer_of
from raytemplate.records.judged import Actor

OLD = Path(__file__).parents[1] / "fixtures" / "workspace_0_1" / "workspace" / "governance.db"
ANN, GROUNDS = Actor(name="ann"), Grounds(plan="p", snapshot="s", evaluation_sha256="e")
START, MODEL = datetime(2013, 6, 1, tzinfo=UTC), "flights"
OURS, OTHER = (signer_of(new_private_key()) for _ in range(2))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def ledger_at(path: Path, signer: Signer = OURS) -> Ledger:
    return Ledger(path, lambda: START, lambda: signer)


def promote(ledger: Ledger, *digests: str) -> None:
    """One promotion after another, each with its checkpoint."""
    for digest in digests:
        ledger.promote(MODEL, digest, f"run-{digest}", START, ledger.history(MODEL).term, ANN, GROUNDS)
        assert keep_checkpoint(ledger).warning == ""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Event 1 adds the key; a promotion, after which a copy is kept as "copy", and two more: events 2 to 4."""
    made = ledger_at(tmp_path / "governance.db")
    promote(made, "a")
    shutil.copy(made.path, tmp_path / "copy")
    promote(made, "b", "c")
    return made


def faults(ledger: Ledger) -> tuple[str, ...]:
    """What checkpoints say of a ledger that has no fault by itself."""
    chain = ledger.examine()
    assert chain.faults == ()
    return check_outside(ledger.path, chain).faults


def file_of(ledger: Ledger) -> Path:
    return checkpoint_file(ledger.keyring().ledger)


def replace_by(ledger: Ledger, other: Ledger | Path) -> None:
    shutil.copy(other if isinstance(other, Path) else other.path, ledger.path)


def test_the_newest_checkpoint_covers_every_event(ledger: Ledger) -> None:
    found = check_outside(ledger.path, ledger.examine())
    assert (found.path, found.size, found.faults) == (file_of(ledger), 4, ())
    assert [note.size for note in read_notes(found.path.read_text(), where="")] == [2, 3, 4]
    assert (
        keep_checkpoint(ledger).warning == "" and len(found.path.read_text().splitlines()) == 15
    )  # nothing has moved since


def test_the_note_has_the_form_of_a_transparency_log(ledger: Ledger) -> None:
    origin, size, head, empty, signed = file_of(ledger).read_text().splitlines()[-5:]
    event = ledger.events()[-1]
    assert (origin, size, empty) == (f"raytemplate/ledger/{ledger.keyring().ledger}", "4", "")
    assert base64.b64decode(head).hex() == event.hash
    dash, name, signature = signed.split(" ")
    assert (dash, name, len(base64.b64decode(signature))) == ("\u2014", origin, 4 + 64)
    text = f"{origin}\n{size}\n{head}\n".encode()
    assert OURS.key.has_signed(base64.b64encode(base64.b64decode(signature)[4:]).decode(), text)


def test_an_older_copy_that_was_put_back_is_found_and_nothing_is_added(ledger: Ledger, tmp_path: Path) -> None:
    replace_by(ledger, tmp_path / "copy")
    assert faults(ledger) == (f"event 3: missing; {file_of(ledger)} has a checkpoint of 3 events",)
    before = file_of(ledger).read_text()
    ledger.promote(MODEL, "x", "run-x", START, 1, ANN, GROUNDS)
    assert keep_checkpoint(ledger).warning.startswith(
        f"the ledger is not the one that {file_of(ledger)} has a checkpoint of"
    )
    assert file_of(ledger).read_text() == before
    assert faults(ledger) == (f"event 3: not the one that {file_of(ledger)} has a checkpoint of",)


def test_events_dropped_from_the_end_are_found(ledger: Ledger) -> None:
    with closing(sqlite3.connect(ledger.path)) as db, db:
        db.execute("DROP TRIGGER event_is_never_deleted")
        db.execute("DELETE FROM head")
        db.execute("DELETE FROM event WHERE seq = 4")
    found = ledger.examine()  # its head is gone as well, which the chain itself tells
    assert check_outside(ledger.path, found).faults == (
        f"event 4: missing; {file_of(ledger)} has a checkpoint of 4 events",
    )


def test_another_chain_with_the_same_key_is_found_at_its_first_event(ledger: Ledger, tmp_path: Path) -> None:
    forged = ledger_at(tmp_path / "copy")
    for digest, term in (("x", 1), ("y", 2), ("z", 3)):
        forged.promote(MODEL, digest, "run-x", START, term, ANN, GROUNDS)
    replace_by(ledger, forged)
    assert faults(ledger) == (f"event 3: not the one that {file_of(ledger)} has a checkpoint of",)


def test_a_ledger_that_was_replaced_as_a_whole_is_found(ledger: Ledger, tmp_path: Path) -> None:
    was, file = ledger.keyring().ledger, file_of(ledger)
    forged = ledger_at(tmp_path / "forged", OTHER)
    for digest, term in (("x", 0), ("y", 1), ("z", 2)):
        forged.promote(MODEL, digest, "run-x", START, term, ANN, GROUNDS)
    replace_by(ledger, forged)
    (fault,) = faults(ledger)
    assert f"ledger {was} with 4 events was here ({file}); this is ledger {forged.keyring().ledger}" in fault
    ledger.rollback(MODEL, ANN)
    assert keep_checkpoint(ledger).warning.startswith(f"ledger {was} was here before this one")
    replace_by(ledger, OLD)
    assert faults(ledger)[0].endswith("this one is not signed")


def test_a_ledger_that_is_begun_again_in_the_same_folder_is_no_fault(ledger: Ledger) -> None:
    ledger.path.unlink()
    promote(ledger, "a", "b")
    assert faults(ledger) == ()


def test_a_workspace_that_was_moved_keeps_its_checkpoints(ledger: Ledger, tmp_path: Path) -> None:
    moved = ledger_at(tmp_path / "moved.db")
    ledger.path.rename(moved.path)
    assert check_outside(moved.path, moved.examine()).size == 4 and faults(moved) == ()


def test_a_checkpoint_that_no_key_of_the_ledger_signed_is_found(ledger: Ledger) -> None:
    chain = ledger.examine()
    forged = signed_checkpoint(chain.ring.ledger, 4, chain.events[3].hash, OTHER)
    assert disagreements([forged], chain, where="x") == (
        "x: the checkpoint of 4 events is signed by no key of the ledger",
    )
    other = signed_checkpoint(chain.ring.ledger, 4, "0" * 64, OTHER)
    (fault,) = disagreements([other], chain, where="x")
    assert fault.startswith("one of the events 1 to 4: not the one that x has a checkpoint of, signed by a key that ")


def test_a_torn_note_is_passed_over_and_an_edited_one_is_not(ledger: Ledger) -> None:
    text = file_of(ledger).read_text()
    lines = text.splitlines(keepends=True)
    for num_lines in range(1, 5):
        torn = "".join([*lines[:num_lines], *lines])
        assert [note.size for note in read_notes(torn, where="x")] == [2, 3, 4]
    for edited in ("", "x", text.replace("\n3\n", "\n03\n"), text.replace("\n\n", "\nx\n"), text.replace("=", "", 1)):
        with pytest.raises(IntegrityError, match=r"^x: holds "):
            read_notes(edited, where="x")


def test_a_state_folder_that_cannot_be_written_is_a_warning(ledger: Ledger, state: Path) -> None:
    shutil.rmtree(state)
    state.write_text("")
    ledger.rollback(MODEL, ANN)
    assert keep_checkpoint(ledger).warning.startswith("no checkpoint of the ledger was kept outside the workspace: ")
    assert ledger.history(MODEL).term == 4
