"""The copy of its rows that a run has kept: brought home from shared storage, and what follows if it is nowhere."""

from pathlib import Path

from raytemplate.data.sources.naming import SQL
from raytemplate.errors import IntegrityError
from raytemplate.execution.journal import Journal
from raytemplate.records.ingested import Snapshot
from raytemplate.store.content_store import ContentStore, kept_beside
from raytemplate.store.workspace import KEPT


def bring_copy(storage: Path, journal: Journal, snapshot: Snapshot) -> None:
    """Copy the rows that a cluster kept for a run into the workspace; nothing if they are here already, or nowhere.

    Raises:
        IntegrityError: bytes do not match their digest.
    """
    if missing_copy(journal, snapshot) is None:
        return
    there = ContentStore(storage / KEPT)
    if there.path(snapshot.kept).is_dir():
        kept_beside(journal.folder).put(there.open(snapshot.kept))


def missing_copy(journal: Journal, snapshot: Snapshot) -> Path | None:
    """Where the copy that a snapshot names should be; None if it is there, or if none was kept."""
    path = kept_beside(journal.folder).path(snapshot.kept) if snapshot.kept else None
    return None if path is None or path.is_dir() else path


def told_missing(path: Path, source: str) -> str:
    """The message shown before the source is read in place of a copy.

    Args:
        path: where the copy should be.
        source: kind of source.
    """
    read = "the query is run again, and gives what its tables hold now" if source == SQL else "the files are read"
    return f"{path}: the copy of the rows that the run kept is not there; {read}"


def refuse_without_rows(journal: Journal, snapshot: Snapshot) -> None:
    """Refuse to make a run again whose rows were those of a query, if the copy of them is gone.

    Raises:
        IntegrityError: names the copy.
    """
    path = missing_copy(journal, snapshot)
    if path is not None and snapshot.source == SQL:
        raise IntegrityError(
            f"{path}: the copy of the rows that run {journal.run_id} kept is not there, and its query gives what its "
            "tables hold now; nothing was started",
            next_step=f"restore that folder from a backup, then: raytemplate reproduce {journal.run_id}",
        )
