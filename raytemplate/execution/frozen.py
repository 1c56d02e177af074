"""Whether the source of a frozen snapshot has changed, as far as the files that are read anyway tell."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from raytemplate.data.sources.locations import is_uri, joined
from raytemplate.errors import RaytemplateError
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.ledger.opening import open_ledger
from raytemplate.planning.stages import RunPlan
from raytemplate.records.ingested import Snapshot
from raytemplate.records.marked import SnapshotMark
from raytemplate.store.workspace import Workspace

_NAMED = 3


def told_frozen(plan: RunPlan, snapshot: Snapshot, runs: Path) -> Iterator[str]:
    """A line for each frozen snapshot that was read from files of which other rows were read now, and for a revoked
    one that was read again.

    Args:
        runs: the folder of all runs.
    """
    for mark in marks_of(runs):
        if mark.snapshot == snapshot.digest:
            if mark.kind == "revoked":
                yield f"{mark.name} is {mark.text}; nothing made from it is promoted"
        elif mark.kind == "frozen":
            changed = _changed(plan, snapshot, mark, runs)
            if changed:
                yield f"{mark.name}, {mark.text}, was read from {_some(changed)}, whose rows have changed since"


def told_source(plan: RunPlan, snapshot: Snapshot, runs: Path) -> Iterator[str]:
    """A line if the snapshot is frozen and its local files are gone or have another size."""
    frozen = next((mark for mark in marks_of(runs) if (mark.snapshot, mark.kind) == (snapshot.digest, "frozen")), None)
    if frozen is None or is_uri(plan.ingest.root) or not plan.ingest.root:
        return
    gone = [one.path for one in snapshot.files if _size(plan.ingest.root, one.path) != one.size_bytes]
    if gone:
        instead = "the copy of its rows is read" if snapshot.kept else "no copy of its rows was kept"
        yield f"{frozen.name} is {frozen.text}; its source has changed since: {_some(gone)}; {instead}"


def marks_of(runs: Path) -> tuple[SnapshotMark, ...]:
    """What was decided about snapshots, for the folder of all runs; nothing on a cluster, or if the ledger cannot be
    read: it is refused where something is decided."""
    with suppress(IndexError, RaytemplateError):  # a folder near the root is that of no workspace
        return open_ledger(Workspace(runs.parents[1])).marks()
    return ()


def _changed(plan: RunPlan, snapshot: Snapshot, mark: SnapshotMark, runs: Path) -> list[str]:
    """Files of which both have read the same columns of the same slices, but other bytes."""
    now = {(joined(plan.ingest.root, one.path), one.row_groups): one.sha256 for one in snapshot.files}
    for record in runs.glob("*/snapshot.json"):
        with suppress(RaytemplateError):
            journal = Journal(record.parent)
            then = journal.read(Snapshot)
            if then is None or then.digest != mark.snapshot or then.columns != snapshot.columns:
                continue
            root = read_lock(journal).plan.ingest.root
            files = {(joined(root, one.path), one.row_groups): one for one in then.files}
            return [one.path for key, one in files.items() if now.get(key, one.sha256) != one.sha256]
    return []


def _size(root: str, path: str) -> int:
    try:
        return Path(joined(root, path)).stat().st_size
    except OSError:
        return -1


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
