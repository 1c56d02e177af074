"""Checkpoints at the locations that settings name: kept after each move, compared with, and never in the way."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import here
from deciding import signed_by

from raytemplate.conducting.restoring import found_in, refuse_older, restore
from raytemplate.errors import Forbidden, IntegrityError
from raytemplate.history.checkpointed import compare_elsewhere, keep_checkpoint
from raytemplate.history.verified import verify_ledger
from raytemplate.ledger.bodies import Grounds, Restored
from raytemplate.ledger.chain import Examined
from raytemplate.ledger.checkpoints import Checkpoint, disagreements, excused, read_notes, signed_checkpoint
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.locations import location_at
from raytemplate.ledger.outside import check_outside
from raytemplate.ledger.settings import change_to
from raytemplate.ledger.signing import new_private_key, signer_of
from raytemplate.records.governed import GovernanceSettings, Location
from raytemplate.records.judged import Actor
from raytemplate.store.workspace import Workspace, create

START, GROUNDS = datetime(2013, 6, 1, tzinfo=UTC), Grounds(plan="p", snapshot="s", evaluation_sha256="e")
BECAUSE = Actor(name="ann", reason="because")
PROMOTER, ANN = (signer_of(new_private_key()) for _ in range(2))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def ledger_with(folder: Path, location: Location) -> Ledger:
    """A workspace's ledger, with a location of checkpoints in force."""
    root = folder / "ours" / ".raytemplate"
    root.mkdir(parents=True)
    ledger = Ledger(root / "governance.db", lambda: START, lambda: PROMOTER)
    settings = GovernanceSettings(checkpoints=(location,))
    ledger.record(signed_by(ANN, change_to(settings, BECAUSE)))
    return ledger


def promote(ledger: Ledger, digest: str) -> str:
    term = ledger.history("flights").term
    ledger.promote("flights", digest, f"run-{digest}", START, term, Actor(name="ann", automatic=True), GROUNDS)
    return keep_checkpoint(ledger, Workspace(ledger.path.parent.parent))


def repository(folder: Path, *options: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run(["git", "init", "-q", *options, str(folder)], check=True)
    if not options:
        subprocess.run(["git", "-C", str(folder), *identity, "commit", "-q", "--allow-empty", "-m", "0"], check=True)
    return str(folder)


def _file(folder: Path) -> Location:
    return Location(kind="file", where="../audit/checkpoints")


def _git(folder: Path) -> Location:
    return Location(kind="git", where=repository(folder / "audit"))


def _pushed(folder: Path) -> Location:
    """The workspace's own repository, whose tags are pushed to another one."""
    bare, ours = repository(folder / "bare", "--bare"), repository(folder / "ours")
    subprocess.run(["git", "-C", ours, "remote", "add", "origin", bare], check=True)
    return Location(kind="git", where=".", remote="origin")


def _mlflow(folder: Path) -> Location:
    return Location(kind="mlflow", where=f"sqlite:///{folder}/audit.db")


@pytest.mark.parametrize("make", [_file, _git, _pushed, _mlflow])
def test_each_move_leaves_one_and_a_chain_cut_short_is_found(make, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # MLflow makes a folder for artifacts
    ledger, folder = ledger_with(tmp_path, make(tmp_path)), tmp_path / "ours"
    assert [promote(ledger, digest) for digest in "ab"] == ["", ""]
    chain = ledger.examine()
    [found], silent = compare_elsewhere(chain, folder)
    assert (found.size, found.faults, silent) == (5, (), ())
    older = type(chain)(events=chain.events[:4], ring=chain.ring)
    [cut], _ = compare_elsewhere(older, folder)
    assert cut.faults == (f"event 5: missing; {found.path} has a checkpoint of 5 events",)


@pytest.mark.parametrize(
    ("location", "says"),
    [
        (Location(kind="file", where=".raytemplate/checkpoints"), "inside the workspace, where it proves nothing"),
        (Location(kind="git", where="."), "the workspace is inside this repository, so that tags in it alone prove"),
        (Location(kind="git", where="../nowhere"), "git rev-parse"),
        (Location(kind="s3", where="s3://no-such-bucket-here"), "no checkpoint was kept at s3://no-such-bucket-here/"),
    ],
    ids=["file in the workspace", "its own repository", "no repository", "no bucket"],
)
def test_one_that_cannot_be_kept_is_a_warning(location, says: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    repository(tmp_path / "ours")
    ledger = ledger_with(tmp_path, location)
    assert says in promote(ledger, "a")
    assert ledger.head("flights") is not None
    found, silent = compare_elsewhere(ledger.examine(), tmp_path / "ours")
    assert [each.size for each in found] in ([0], []) and len(found) + len(silent) == 1


def test_verify_compares_with_it_and_says_that_there_is_none(tmp_path: Path) -> None:
    ledger = ledger_with(tmp_path, Location(kind="file", where="../audit/checkpoints"))
    promote(ledger, "a")
    told = here("ledger", "verify", cwd=tmp_path / "ours")
    assert f"the first 4 events, in {tmp_path}/ours/../audit/checkpoints" in " ".join(told.stdout.split())
    assert "governance.yaml: missing, though event 3" in told.stderr
    plain = tmp_path / "plain" / ".raytemplate"
    plain.mkdir(parents=True)
    promote(Ledger(plain / "governance.db", lambda: START, lambda: PROMOTER), "a")
    said = " ".join(here("ledger", "verify", cwd=plain.parent).stdout.split())
    assert "elsewhere no location of checkpoints beyond this user's folders" in said


def test_a_state_folder_that_cannot_be_written_keeps_none_from_the_other_locations(tmp_path: Path) -> None:
    ledger = ledger_with(tmp_path, _file(tmp_path))
    (tmp_path / "state").write_text("")
    assert promote(ledger, "a").startswith("no checkpoint of the ledger was kept outside the workspace: ")
    [found], _ = compare_elsewhere(ledger.examine(), tmp_path / "ours")
    assert (found.size, found.faults) == (4, ())


def test_hooks_of_the_repository_do_not_run(tmp_path: Path) -> None:
    ledger, ran = ledger_with(tmp_path, _git(tmp_path)), tmp_path / "ran"
    hook = tmp_path / "audit" / ".git" / "hooks" / "reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    assert (promote(ledger, "a"), ran.exists()) == ("", False)


@pytest.mark.parametrize("make", [_file, _git])
def test_an_older_copy_is_known_by_them_and_once_restored_is_no_fault(make, tmp_path: Path, monkeypatch) -> None:
    ledger, workspace = ledger_with(tmp_path, make(tmp_path)), Workspace(tmp_path / "ours")
    promote(ledger, "a")
    shutil.copy(ledger.path, tmp_path / "yesterday")
    promote(ledger, "b")
    ledger.path.unlink()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another home"))
    found = found_in(tmp_path / "yesterday", workspace)
    assert [lost.startswith("event 5, which ") for lost in found.lost] == [True]
    with pytest.raises(IntegrityError, match="an older copy, of 4 events; it lacks event 5"):
        refuse_older(found, tmp_path / "yesterday")
    ledger.put_in_place(found.chain.events, tmp_path / "kept", signed_by(ANN, found.decision(BECAUSE)))
    for state, size in (("another home", 6), ("state", 7)):  # the second one has a checkpoint of what was lost
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / state))
        assert promote(ledger, state) == ""
        chain = ledger.examine()
        for told in (*compare_elsewhere(chain, workspace.folder)[0], check_outside(ledger.path, chain)):
            assert (told.size, told.faults) == (size, ())
    assert told.num_excused == compare_elsewhere(chain, workspace.folder)[0][0].num_excused == 1
    assert verify_ledger(workspace).faults == ()


def test_two_checkpoints_of_one_size_are_both_kept(tmp_path: Path) -> None:
    kept = location_at(_git(tmp_path), "1d0c", tmp_path / "ours")
    for head in ("ab" * 32, "cd" * 32):
        kept.keep(signed_checkpoint("1d0c", 5, head, PROMOTER))
    assert [note.head[:2] for note in read_notes(kept.notes(), where="")] == ["ab", "cd"]


def test_a_note_after_those_of_the_restored_chain_is_not_excused(tmp_path: Path) -> None:
    ledger = ledger_with(tmp_path, _file(tmp_path))
    body = Restored(events=3, head=ledger.events()[-1].hash, newest=9, lost=("event 4",), actor=BECAUSE)
    ledger.record(signed_by(ANN, body))
    chain = ledger.examine()
    old, new = signed_checkpoint(chain.ring.ledger, 4, "0" * 64, PROMOTER), _newest_note(chain)
    assert excused([old, new], chain) == (old,) and excused([new, old], chain) == ()
    assert excused([new, old], chain, in_order=False) == (old,)
    assert disagreements([new, old], chain, where="x") == ("event 4: not the one that x has a checkpoint of",)


def _newest_note(chain: Examined) -> Checkpoint:
    return signed_checkpoint(chain.ring.ledger, len(chain.events), chain.events[-1].hash, PROMOTER)


def test_a_promoter_that_the_copy_does_not_list_restores_nothing(tmp_path: Path) -> None:
    only = GovernanceSettings(mode="team", people=(ANN.key.id,), promoters=(PROMOTER.key.id,))
    ledger = Ledger(tmp_path / "copy", lambda: START, lambda: PROMOTER)
    ledger.record(signed_by(ANN, change_to(only, BECAUSE)))
    workspace = Workspace(tmp_path / "lost")
    create(workspace)
    with pytest.raises(Forbidden, match=r"is not among keys\.promoters, which event 3 put in force"):
        restore(ledger.path, workspace, BECAUSE)
    assert not workspace.governance_db.exists()


def test_a_location_that_is_empty_and_one_that_does_not_answer_are_told(tmp_path: Path) -> None:
    ledger, workspace = ledger_with(tmp_path, _file(tmp_path)), Workspace(tmp_path / "ours")
    promote(ledger, "a")
    [file] = (tmp_path / "audit").parent.glob("audit/*")
    file.unlink()
    [empty] = verify_ledger(workspace).empty
    assert empty.endswith("audit/checkpoints: holds no checkpoint")
    file.write_text("no note")
    [silent] = found_in(ledger.path, workspace).not_compared
    assert "holds no checkpoint of a ledger" in silent
