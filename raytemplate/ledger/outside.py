"""Checkpoints outside the workspace: in this user's state folder, one file for each ledger, a note for each move.

Beside them is kept which ledger each workspace had, so that a ledger that was replaced as a whole is found as well.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from raytemplate.errors import IntegrityError, RaytemplateError, UsageError
from raytemplate.ledger.chain import Examined
from raytemplate.ledger.checkpoints import Checkpoint, disagreements, read_notes, signed_checkpoint
from raytemplate.ledger.head import Ledger
from raytemplate.store.atomic import append_lines, storage_errors, write_atomic
from raytemplate.store.user_folders import state_folder

_NAME_LENGTH = 32
_NUM_BEGUN = 2
"""Events of a ledger that was just begun: its key, and what was decided."""
_VERIFY = "raytemplate ledger verify names the first event that differs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outside:
    """What is kept outside the workspace about its ledger."""

    path: Path
    """File of the checkpoints."""

    size: int
    """Events of the newest checkpoint; 0 if there is none."""

    faults: tuple[str, ...]
    """Where the ledger is not what they say; one line each."""


def checkpoint_file(ledger: str) -> Path:
    """The file with the checkpoints of a ledger.

    Raises:
        UsageError: nothing tells where this user's state is kept.
    """
    return _folder() / (ledger if ledger.isalnum() else hashlib.sha256(ledger.encode()).hexdigest())


def kept_checkpoints(ledger: str) -> tuple[Checkpoint, ...]:
    """The checkpoints of a ledger, by its id; none if this user keeps none.

    Raises:
        IntegrityError: they cannot be read.
    """
    try:
        return _kept(checkpoint_file(ledger)) if ledger else ()
    except UsageError:
        return ()


def keep_checkpoint(ledger: Ledger) -> str:
    """Add a checkpoint of a ledger that has moved. Returns a warning if that failed or the ledger is not the one that
    was there before, otherwise ""; a decision stands in any case."""
    try:
        return _keep(ledger)
    except RaytemplateError as error:
        return f"no checkpoint of the ledger was kept outside the workspace: {error.what}"


def check_outside(path: Path, chain: Examined) -> Outside:
    """Compare a ledger with its checkpoints.

    Args:
        path: the ledger's file.

    Raises:
        UsageError: the state folder cannot be read.
    """
    faults: list[str] = []
    here, ledger = _ledger_at(path), chain.ring.ledger
    if here and here != ledger:
        file = checkpoint_file(here)
        size = max((each.size for each in _kept(file)), default=0)
        this = f"this is ledger {ledger}" if ledger else "this one is not signed"
        return Outside(
            path=file, size=size, faults=(f"{path}: ledger {here} with {size} events was here ({file}); {this}",)
        )
    if not ledger:
        return Outside(path=_folder(), size=0, faults=())
    file = checkpoint_file(ledger)
    try:
        kept = _kept(file)
    except IntegrityError as error:
        return Outside(path=file, size=0, faults=(error.what,))
    faults += disagreements(kept, chain, where=str(file))
    return Outside(path=file, size=max((each.size for each in kept), default=0), faults=tuple(faults))


def _keep(ledger: Ledger) -> str:
    newest, ring = ledger.newest()
    if newest is None or not ring.ledger:
        return ""
    signer, file = ledger.signer(), checkpoint_file(ring.ledger)
    with storage_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    here = _ledger_at(ledger.path)
    if here != ring.ledger:
        begun = newest.seq <= _NUM_BEGUN and signer.key.id in ring.keys
        if here and not begun:
            return f"ledger {here} was here before this one; {_VERIFY}"
        _remember(ledger.path, ring.ledger)
    kept = _kept(file)
    if kept and not ledger.has(kept[-1].size, kept[-1].head):
        return f"the ledger is not the one that {file} has a checkpoint of; {_VERIFY}"
    if not kept or kept[-1].size < newest.seq:
        note = signed_checkpoint(ring.ledger, newest.seq, newest.hash, signer).note
        append_lines(file, note.encode())
    return ""


def _kept(file: Path) -> tuple[Checkpoint, ...]:
    with storage_errors(file, doing="read"):
        if not file.exists():
            return ()
        text = file.read_text(errors="replace")
    return read_notes(text, where=str(file)) if text else ()


def _folder() -> Path:
    return state_folder() / "raytemplate" / "checkpoints"


def _which(path: Path) -> Path:
    """The file that names the ledger of a workspace."""
    return _folder() / "workspaces" / hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:_NAME_LENGTH]


def _ledger_at(path: Path) -> str:
    file = _which(path)
    with storage_errors(file, doing="read"):
        return file.read_text(errors="replace").partition("\n")[0] if file.exists() else ""


def _remember(path: Path, ledger: str) -> None:
    file = _which(path)
    with storage_errors(file):
        file.parent.mkdir(exist_ok=True, mode=0o700)
    write_atomic(file, f"{ledger}\n{os.path.realpath(path)}\n".encode())
