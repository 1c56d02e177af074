"""A copy in place of a ledger: verified whole, never older without a word, and at once or not at all."""

import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deciding import signed_by

from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.exported import export_lines
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.outside import begin_anew, check_outside, checkpoint_file, keep_checkpoint
from raytemplate.ledger.restoring import Found, compare_copy, kept_beside, read_copy
from raytemplate.ledger.signing import new_private_key, signer_of
from raytemplate.records.judged import Actor

ANN, GROUNDS = Actor(name="ann", reason="the disk is gone"), Grounds(plan="p", snapshot="s", evaluation_sha256="e")
START, MODEL = datetime(2013, 6, 1, tzinfo=UTC), "flights"
OURS, OTHER, PERSON = (signer_of(new_private_key()) for _ in range(3))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def promote(ledger: Ledger, *digests: str, checkpoint: bool = True) -> Ledger:
    for digest in digests:
        ledger.promote(MODEL, digest, f"run-{digest}", START, ledger.history(MODEL).term, ANN, GROUNDS)
        assert not checkpoint or keep_checkpoint(ledger).warning == ""
    return ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Event 1 adds the key; three promotions: events 2 to 4. "yesterday" is a copy of the first three."""
    made = promote(Ledger(tmp_path / "governance.db", lambda: START, lambda: OURS), "a", "b")
    shutil.copy(made.path, tmp_path / "yesterday")
    return promote(made, "c")


def exported(ledger: Ledger, file: Path) -> Path:
    file.write_text("".join(f"{line}\n" for line in export_lines(ledger.examine())))
    return file


def restore(ledger: Ledger, file: Path) -> Found:
    """As `ledger restore` does; an older copy only with the person's signature."""
    found = compare_copy(read_copy(file), ledger, ())
    then = signed_by(PERSON, found.decision(ANN)) if found.lost else None
    ledger.put_in_place(found.chain.events, kept_beside(ledger.path, START), then)
    return found


@pytest.mark.parametrize("as_", ["a copy", "an export"])
@pytest.mark.parametrize("now", ["missing", "damaged", "an older copy", "edited"])
def test_the_newest_copy_takes_the_place_of_what_is_there(ledger: Ledger, tmp_path: Path, as_: str, now: str) -> None:
    events, head = ledger.events(), ledger.head(MODEL)
    file = exported(ledger, tmp_path / "x") if as_ == "an export" else Path(shutil.copy(ledger.path, tmp_path / "x"))
    if now == "missing":
        ledger.path.unlink()
    elif now == "damaged":
        ledger.path.write_bytes(b"not a database" * 100)
    elif now == "an older copy":
        shutil.copy(tmp_path / "yesterday", ledger.path)
    else:
        with closing(sqlite3.connect(ledger.path)) as db, db:
            db.execute("DROP TRIGGER event_is_never_changed")
            db.execute("UPDATE event SET actor = 'bob' WHERE seq = 2")
    before = ledger.path.read_bytes() if now == "damaged" else b""
    assert restore(ledger, file).lost == ()
    assert (ledger.events(), ledger.head(MODEL), ledger.faults()) == (events, head, ())
    assert check_outside(ledger.path, ledger.examine()).faults == ()
    [*kept] = tmp_path.glob("governance.db.2013-*")
    assert len(kept) == (now != "missing") and (not before or kept[0].read_bytes() == before)
    assert promote(ledger, "d").head(MODEL).version == 4  # type: ignore[union-attr]


def test_an_older_copy_says_what_is_lost_and_the_ledger_keeps_that(ledger: Ledger, tmp_path: Path) -> None:
    file = checkpoint_file(ledger.keyring().ledger)
    found = compare_copy(read_copy(tmp_path / "yesterday"), ledger, ())
    assert found.lost == ("event 4: promoted, version 3 of flights",)
    ledger.path.unlink()
    found = restore(ledger, tmp_path / "yesterday")
    assert found.lost == (f"event 4, which {file} has a checkpoint of",)
    with pytest.raises(IntegrityError, match="is not signed"):
        ledger.put_in_place(found.chain.events, tmp_path / "kept", found.decision(ANN))
    aside = begin_anew(ledger, ".then")
    assert (keep_checkpoint(ledger).warning, aside, ledger.faults()) == ("", file.with_name(f"{file.name}.then"), ())
    assert check_outside(ledger.path, ledger.examine()).faults == ()
    assert (ledger.events()[-1].type, "the disk is gone" in ledger.events()[-1].body) == ("restored", True)
    assert compare_copy(read_copy(tmp_path / "yesterday"), ledger, ()).is_there


def test_a_copy_of_another_ledger_or_chain_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    other = promote(Ledger(tmp_path / "other", lambda: START, lambda: OTHER), "a", "b", checkpoint=False)
    with pytest.raises(IntegrityError, match=r"was at .*, and this is ledger"):
        restore(ledger, other.path)
    forked = promote(Ledger(tmp_path / "yesterday", lambda: START, lambda: OURS), "x", "y", checkpoint=False)
    with pytest.raises(IntegrityError, match=r"event 4: not the one that .* has a checkpoint of"):
        restore(ledger, forked.path)
    checkpoint_file(ledger.keyring().ledger).unlink()
    with pytest.raises(IntegrityError, match="no checkpoint tells which is right"):
        restore(ledger, forked.path)
    assert len(ledger.events()) == 4 and list(tmp_path.glob("governance.db.2*")) == []


def test_a_copy_with_one_changed_event_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    text = exported(ledger, tmp_path / "x").read_text()
    (tmp_path / "x").write_text(text.replace("run-b", "run-z"))
    with pytest.raises(IntegrityError, match="event 3: was changed"):
        restore(ledger, tmp_path / "x")
    with closing(sqlite3.connect(tmp_path / "yesterday")) as db, db:
        db.execute("UPDATE head SET version = 1")
    with pytest.raises(IntegrityError, match="the head of flights is version 1"):
        restore(ledger, tmp_path / "yesterday")


def test_a_process_that_has_the_ledger_open_goes_on_in_the_restored_one(ledger: Ledger, tmp_path: Path) -> None:
    file = exported(ledger, tmp_path / "x")
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as db:
        assert db.execute("SELECT count(*) FROM event").fetchone() == (4,)
        restore(ledger, file)
        promote(ledger, "d")
        assert db.execute("SELECT count(*) FROM event").fetchone() == (5,)


def test_a_kill_at_any_moment_leaves_the_old_or_the_new(ledger: Ledger, tmp_path: Path) -> None:
    new = exported(ledger, tmp_path / "x")
    for number in range(25):
        for rest in ("", "-wal", "-shm"):
            ledger.path.with_name(f"governance.db{rest}").unlink(missing_ok=True)
        if number % 5:
            shutil.copy(tmp_path / "yesterday", ledger.path)
        else:
            ledger.path.write_bytes(b"damaged" * 1000)
        child = os.fork()
        if child == 0:
            restore(ledger, new)
            os._exit(0)
        time.sleep(number * 0.002)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found = ledger.path.read_bytes()
        if not found.startswith(b"damaged"):
            assert (len(ledger.events()) in (3, 4), ledger.faults()) == (True, ())
    restore(ledger, new)
    assert (len(ledger.events()), ledger.faults()) == (4, ())
