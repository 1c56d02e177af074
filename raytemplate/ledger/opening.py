"""The one way to the ledger of a workspace: it is opened only where it knows every version that runs there name.

A ledger is begun where no run names a version. Else one that is missing, emptied, another file or an older copy would
be taken for a workspace without champions: the next candidate would be "version 1, the first", compared with nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from raytemplate.errors import IntegrityError
from raytemplate.ledger.database import ledger_exists, restore
from raytemplate.ledger.head import Ledger
from raytemplate.records import codec
from raytemplate.records.promoted import PromotionRecord
from raytemplate.store.atomic import storage_errors
from raytemplate.store.workspace import Workspace

RECORDED = "promotion*.json"
"""What became of a candidate, now and in decisions that were taken again since (`promotion.superseded-1.json`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A record of a run that names a version. `record` is None where it is damaged: then nobody knows which."""

    path: Path
    record: PromotionRecord | None

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.path.parent.name


def open_ledger(workspace: Workspace) -> Ledger:
    """The ledger of a workspace. The first promotion makes it; until then there are no models.

    Raises:
        IntegrityError: it is lost, or lacks what a run has registered in it; names the file and the run.
        UsageError: it, or the runs, cannot be read.
    """
    # The records first: what they name was in the ledger before they were written.
    named = versions_named(workspace)
    ledger = found_ledger(workspace, named)
    knows = ledger.knows() if named else lambda *_: True
    for one in named:
        record = one.record
        if record is not None and not knows(record.model, record.version, record.digest, record.term):
            raise IntegrityError(
                f"{ledger.path}: does not know version {record.version} of {record.model} in term {record.term}, which "
                f"run {one.run_id} names: an older copy, another ledger, or {one.path.name} was edited",
                next_step=restore(ledger.path),
            )
    return ledger


def found_ledger(workspace: Workspace, named: Sequence[Named]) -> Ledger:
    """The ledger, whatever it says; refused only where it is lost.

    Raises:
        IntegrityError: see `open_ledger`.
    """
    path = workspace.governance_db
    if not ledger_exists(path) and named:
        raise IntegrityError(
            f"{path}: missing, though run {named[0].run_id} has registered a version in it", next_step=restore(path)
        )
    return Ledger(path)


def versions_named(workspace: Workspace) -> tuple[Named, ...]:
    """Every record by which a run has registered a version, by run: not of candidates that were only for show."""
    with storage_errors(workspace.runs, doing="read"):
        folders = sorted(workspace.runs.iterdir()) if workspace.runs.exists() else []
    found = (_named(path) for folder in folders for path in sorted(folder.glob(RECORDED)))
    return tuple(one for one in found if one is not None)


def _named(path: Path) -> Named | None:
    try:
        record = codec.loads(PromotionRecord, path.read_bytes(), where=str(path))
    except FileNotFoundError:
        return None  # superseded at this moment
    except (OSError, IntegrityError):
        return Named(path=path, record=None)
    return None if record.outcome == "shown" else Named(path=path, record=record)
