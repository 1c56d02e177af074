"""Checkpoints outside the workspace: in this user's state folder, one file for each ledger, a note for each move.

Beside them is kept which ledger each workspace had, so that a ledger that was replaced as a whole is found as well.
"""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from raytemplate.errors import IntegrityError, RaytemplateError, UsageError
from raytemplate.ledger.chain import Examined
from raytemplate.ledger.checkpoints import (
    Checkpoint,
    disagreements,
    excused,
    newest_of,
    read_notes,
    signed_checkpoint,
)
from raytemplate.ledger.database import Database, database_of
from raytemplate.ledger.head import Ledger
from raytemplate.store.atomic import append_lines, storage_errors, write_atomic
from raytemplate.store.user_folders import state_folder

_NAME_LENGTH = 32
_NUM_BEGUN = 2
"""Events of a ledger that was just begun: its key, and what was decided."""
_SETTINGS = "settings of governance were in force"
_VERIFY = "raytemplate ledger verify names the first event that differs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outside:
    """What is kept outside the workspace about its ledger."""

    path: Path | str
    """File of the checkpoints, or what people call their location."""

    size: int
    """Events of the newest checkpoint that counts; 0 if there is none."""

    faults: tuple[str, ...]
    """Where the ledger is not what they say; one line each."""

    num_excused: int = 0
    """Checkpoints of events that were lost when an older copy was restored, which the ledger itself says."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeping:
    """What became of a checkpoint in this user's state folder."""

    warning: str = ""
    """Why none was kept; "" if one was."""

    is_other: bool = False
    """Whether that is because the ledger is not the one that was there before."""


def keep_checkpoint(ledger: Ledger) -> Keeping:
    """Add a checkpoint of a ledger that has moved, unless the ledger is not the one that was there before. A decision
    stands in any case."""
    try:
        other = _keep(ledger)
    except RaytemplateError as error:
        return Keeping(warning=f"no checkpoint of the ledger was kept outside the workspace: {error.what}")
    return Keeping(warning=other, is_other=bool(other))


def check_outside(database: Path | Database, chain: Examined) -> Outside:
    """Compare a ledger with its checkpoints.

    Args:
        database: the ledger's file or database.

    Raises:
        UsageError: the state folder cannot be read.
    """
    here, ledger = _ledger_at(database), chain.ring.ledger
    if here and here != ledger:
        file = checkpoint_file(here)
        size = max((each.size for each in _kept(file)), default=0)
        this = f"this is ledger {ledger}" if ledger else "this one is not signed"
        where = database_of(database).where
        return Outside(
            path=file, size=size, faults=(f"{where}: ledger {here} with {size} events was here ({file}); {this}",)
        )
    if not ledger:
        return Outside(path=_folder(), size=0, faults=())
    file = checkpoint_file(ledger)
    try:
        kept = _kept(file)
    except IntegrityError as error:
        return Outside(path=file, size=0, faults=(error.what,))
    return compare_notes(kept, chain, file)


def compare_notes(
    checkpoints: Sequence[Checkpoint], chain: Examined, path: Path | str, *, in_order: bool = True
) -> Outside:
    """What checkpoints say of a chain.

    Args:
        path: their file, or what people call their location.
        in_order: see `checkpoints.excused`.
    """
    passed = excused(checkpoints, chain, in_order=in_order)
    return Outside(
        path=path,
        size=max((each.size for each in checkpoints if each not in passed), default=0),
        faults=disagreements(checkpoints, chain, where=str(path), in_order=in_order),
        num_excused=len(passed),
    )


def newest_outside(path: Path, chain: Examined) -> tuple[Checkpoint | None, Path]:
    """The newest checkpoint of the ledger that a copy is of, and the file of its checkpoints.

    Args:
        path: the file that the copy is to be put in place of.
        chain: the copy.

    Raises:
        IntegrityError: another ledger was there, or a checkpoint says that this is another chain, longer or not.
    """
    here, ledger = _ledger_at(path), chain.ring.ledger
    if here and here != ledger:
        this = f"ledger {ledger}" if ledger else "one that is not signed"
        raise IntegrityError(f"ledger {here} was at {path} ({checkpoint_file(here)}), and this is {this}")
    if not ledger:
        return None, _folder()
    file = checkpoint_file(ledger)
    return newest_of(_kept(file), chain, where=str(file)), file


def begin_anew(ledger: Ledger, suffix: str) -> Path | None:
    """Set the checkpoints aside that tell of more events than a ledger, of which an older copy was restored, has, and
    keep a new one. Returns where they are now; None if there are none.

    Args:
        suffix: what is added to the name of their file.
    """
    file = checkpoint_file(ledger.keyring().ledger)
    if all(ledger.has(each.size, each.head) for each in _kept(file)):
        return None
    aside = file.with_name(f"{file.name}{suffix}")
    with storage_errors(file):
        os.rename(file, aside)
    return aside


def _keep(ledger: Ledger) -> str:
    """Returns how the ledger is not the one that was there before; "" if it is."""
    newest, ring = ledger.newest()
    if newest is None or not ring.ledger:
        return ""
    signer, file = ledger.signer(), checkpoint_file(ring.ledger)
    with storage_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    here = _ledger_at(ledger.database)
    if here != ring.ledger:
        begun = newest.seq <= _NUM_BEGUN and signer.key.id in ring.keys
        if here and (not begun or had_settings(ledger.database)):
            return f"ledger {here} was here before this one; {_VERIFY}"
    if here != ring.ledger or (ring.settings_by is not None and not had_settings(ledger.database)):
        _remember(ledger.database, ring.ledger, settings=ring.settings_by is not None)
    kept = _kept(file)
    if kept and not ledger.has(kept[-1].size, kept[-1].head):  # perhaps of events that another user's restoring lost
        passed = excused(kept, Examined(events=ledger.events(), ring=ring))
        kept = tuple(each for each in kept if each not in passed)
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


def _which(identity: str) -> Path:
    """The file that names the ledger of a workspace or database."""
    return _folder() / "workspaces" / hashlib.sha256(identity.encode()).hexdigest()[:_NAME_LENGTH]


def _ledger_at(database: Path | Database) -> str:
    file = _which(database_of(database).identity)
    with storage_errors(file, doing="read"):
        return file.read_text(errors="replace").partition("\n")[0] if file.exists() else ""


def remember_team(ledger: Ledger, path: Path) -> str:
    """Remember that a workspace's ledger is in a team's database, so that one without its `governance.yaml` is not
    taken for a workspace of its own. Does nothing for a ledger in a file.

    Args:
        path: the file that the ledger would be without that.

    Returns:
        A warning if settings were in force in another ledger here, which stays remembered; otherwise "".
    """
    ring = ledger.newest()[1]
    if isinstance(ledger.database, Path) or (was := had_settings(path)) == ring.ledger:
        return ""
    if was:
        return f"ledger {was} was here before this one, with settings in force; {_VERIFY}"
    with suppress(RaytemplateError):  # told with the checkpoint
        _remember(path, ring.ledger, settings=True)
    return ""


def remembered_in(database: Path | Database) -> Path:
    """The file that tells which ledger was there; see `had_settings`.

    Raises:
        UsageError: nothing tells where this user's state is kept.
    """
    return _which(database_of(database).identity)


def had_settings(database: Path | Database) -> str:
    """Id of the ledger that was there, if settings of governance were in force in it; "" if not, or if nothing
    tells.

    Args:
        database: the ledger's file or database.
    """
    try:
        file = _which(database_of(database).identity)
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
    except (OSError, UsageError):
        return ""
    return lines[0] if _SETTINGS in lines else ""


def _remember(database: Path | Database, ledger: str, *, settings: bool) -> None:
    identity = database_of(database).identity
    file = _which(identity)
    with storage_errors(file):
        file.parent.mkdir(exist_ok=True, mode=0o700)
    # The address of a database is never written down: its digest is enough.
    told = [ledger, identity if isinstance(database, Path) else file.name, *([_SETTINGS] if settings else [])]
    write_atomic(file, "".join(f"{line}\n" for line in told).encode())
