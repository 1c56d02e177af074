"""The only way to open the ledger of a workspace: it must know every version that the workspace's runs name.

A new ledger is allowed only if no run names a version. Otherwise a missing, emptied, foreign or outdated file would be
taken for a workspace without champions, and the next candidate would become "version 1, the first" unopposed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from raytemplate.errors import IntegrityError, SpecError
from raytemplate.ledger.database import Database, database_of
from raytemplate.ledger.head import Ledger
from raytemplate.records import codec
from raytemplate.records.promoted import PromotionRecord
from raytemplate.secret import found_from, text_or_reference
from raytemplate.store.atomic import storage_errors
from raytemplate.store.workspace import Workspace

RECORDED = "promotion*.json"
"""Records of what became of a candidate, including decisions that were replaced (`promotion.superseded-1.json`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A record of a run that names a version."""

    path: Path
    """File of the record."""

    record: PromotionRecord | None
    """The record; None if it is damaged, so that the version is unknown."""

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.path.parent.name


def open_ledger(workspace: Workspace, url: str | None = None) -> Ledger:
    """The ledger of a workspace. The first promotion creates it; until then there are no models.

    Args:
        url: reference to the URL of a team's database, as `secret.reference` gives it; "" for the workspace's file;
            None for what `governance.yaml` says.

    Raises:
        IntegrityError: the ledger is lost, or lacks a version that a run has registered; names the file and the run.
        Forbidden, Unavailable: the team's database denies access, or cannot be reached.
        UsageError: the ledger or the runs cannot be read, or the URL is not one of a database.
    """
    # The records are read first: every version they name was in the ledger before they were written.
    named = versions_named(workspace)
    ledger = found_ledger(workspace, named, url)
    knows = ledger.knows() if named else lambda *_: True
    for one in named:
        record = one.record
        if record is not None and not knows(record.model, record.version, record.digest, record.term):
            raise IntegrityError(
                f"{ledger.where}: does not know version {record.version} of {record.model} in term {record.term}, "
                f"which run {one.run_id} names: an older copy, another ledger, or {one.path.name} was edited",
                next_step=ledger.restore,
            )
    return ledger


def found_ledger(workspace: Workspace, named: Sequence[Named], url: str | None = None) -> Ledger:
    """The ledger, whatever it contains; refused only if it is lost.

    Raises:
        IntegrityError, UsageError: see `open_ledger`.
    """
    ledger = Ledger(_database(workspace, url_in_force(workspace) if url is None else url))
    if not database_of(ledger.database).exists() and named:
        raise IntegrityError(
            f"{ledger.where}: missing, though run {named[0].run_id} has registered a version in it",
            next_step=ledger.restore,
        )
    return ledger


def _database(workspace: Workspace, url: str) -> Path | Database:
    if not url:
        return workspace.governance_db
    from raytemplate.ledger.postgres import open_postgres

    return open_postgres(url, workspace.folder)


def ledger_copied_to(path: Path) -> Ledger:
    """The ledger in a copy of a ledger's file, which is to be examined."""
    return Ledger(path)


def versions_named(workspace: Workspace) -> tuple[Named, ...]:
    """Every record of a run that registered a version, sorted by run; candidates that were only shown, or of which
    the promoter was only asked, have none."""
    with storage_errors(workspace.runs, doing="read"):
        folders = sorted(workspace.runs.iterdir()) if workspace.runs.exists() else []
    found = (_named(path) for folder in folders for path in sorted(folder.glob(RECORDED)))
    return tuple(one for one in found if one is not None)


def _named(path: Path) -> Named | None:
    try:
        record = codec.loads(PromotionRecord, path.read_bytes(), where=str(path))
    except FileNotFoundError:
        return None  # superseded since the listing
    except (OSError, IntegrityError):
        return Named(path=path, record=None)
    return None if record.outcome in ("shown", "asked") else Named(path=path, record=record)


def url_in_force(workspace: Workspace) -> str:
    """Reference to the URL of the ledger's database, from `governance.yaml`; "" for the file in the workspace.

    The file has to say where the ledger is before that can be asked whether the file is in force; what decides then
    compares both. A file that cannot be read says nothing here: its problems are told by what decides.
    """
    from raytemplate.document import read

    try:
        ledger = read(workspace.governance_yaml.read_bytes(), "").value.get("ledger")
        url = ledger.get("url") if isinstance(ledger, dict) else None
        return found_from(str(text_or_reference(url)), workspace.folder) if url else ""
    except (OSError, SpecError, ValueError):
        return ""
