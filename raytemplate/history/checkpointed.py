"""Checkpoints at every location: this user's state folder, and those that the settings in force name."""

from collections.abc import Iterator
from pathlib import Path

from raytemplate.errors import IntegrityError, RaytemplateError
from raytemplate.ledger import outside
from raytemplate.ledger.chain import Examined
from raytemplate.ledger.checkpoints import Checkpoint, newest_of, read_notes, signed_checkpoint
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.locations import Kept, location_at
from raytemplate.ledger.outside import Outside, compare_notes
from raytemplate.records.governed import GovernanceSettings, Location
from raytemplate.secret import found_from
from raytemplate.store.workspace import Workspace


def keep_checkpoint(ledger: Ledger, workspace: Workspace) -> str:
    """Add a checkpoint of a ledger that has moved, at every location. Returns warnings, a line each, or ""; a decision
    stands in any case."""
    here = outside.keep_checkpoint(ledger)
    if here.is_other:
        return here.warning
    try:
        warnings = [here.warning, outside.remember_team(ledger, workspace.governance_db)]
        warnings += _keep_elsewhere(ledger, workspace.folder)
    except RaytemplateError as error:
        warnings = [here.warning or f"no checkpoint of the ledger was kept: {error.what}"]
    return "; ".join(filter(None, warnings))


def _keep_elsewhere(ledger: Ledger, folder: Path) -> Iterator[str]:
    newest, ring = ledger.newest()
    if newest is None or not ring.settings.checkpoints:
        return
    checkpoint = signed_checkpoint(ring.ledger, newest.seq, newest.hash, ledger.signer())
    for kept in _locations(ring.settings, ring.ledger, folder):
        try:
            kept.keep(checkpoint)
        except RaytemplateError as error:
            yield f"no checkpoint was kept at {kept.name}: {error.what}"


def compare_elsewhere(chain: Examined, folder: Path) -> tuple[tuple[Outside, ...], tuple[str, ...]]:
    """Compare a ledger with its checkpoints at the locations that its settings name.

    Args:
        folder: of the workspace.

    Returns:
        What was found at each location; and those that did not answer, each with the reason.
    """
    found, silent = list[Outside](), list[str]()
    for kept in _locations(chain.ring.settings, chain.ring.ledger, folder):
        try:
            found.append(_compared(kept, chain))
        except IntegrityError as error:
            found.append(Outside(path=kept.name, size=0, faults=(error.what,)))
        except RaytemplateError as error:
            silent.append(f"{kept.name}: {error.what}")
    return tuple(found), tuple(silent)


def newest_elsewhere(copy: Examined, folder: Path) -> tuple[tuple[tuple[Checkpoint, str], ...], tuple[str, ...]]:
    """The newest checkpoint at each location that the settings in a copy of the ledger name.

    Args:
        folder: of the workspace.

    Returns:
        Each with its location; and the locations that did not answer, each with the reason.

    Raises:
        IntegrityError: one says that this is a copy of another chain.
    """
    found, silent = list[tuple[Checkpoint, str]](), list[str]()
    for kept in _locations(copy.ring.settings, copy.ring.ledger, folder):
        try:
            notes = _notes(kept)
        except RaytemplateError as error:
            silent.append(f"{kept.name}: {error.what}")
            continue
        if newest := newest_of(notes, copy, where=kept.name, in_order=kept.in_order):
            found.append((newest, kept.name))
    return tuple(found), tuple(silent)


def _compared(kept: Kept, chain: Examined) -> Outside:
    return compare_notes(_notes(kept), chain, kept.name, in_order=kept.in_order)


def _notes(kept: Kept) -> tuple[Checkpoint, ...]:
    text = kept.notes()
    return read_notes(text, where=kept.name) if text else ()


def _locations(settings: GovernanceSettings, ledger: str, folder: Path) -> Iterator[Kept]:
    for location in settings.checkpoints:
        yield (
            _on_mlflow(location, ledger, folder) if location.kind == "mlflow" else location_at(location, ledger, folder)
        )


def _on_mlflow(location: Location, ledger: str, folder: Path) -> Kept:
    from raytemplate.engines.mlflow.checkpoints import OnServer

    return OnServer(where=found_from(location.where, folder), ledger=ledger)
