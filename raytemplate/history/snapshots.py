"""The snapshots that a workspace knows: which runs read them, which versions have seen them, what was decided."""

import re
from collections.abc import Iterator
from contextlib import suppress

from raytemplate.errors import IntegrityError, UsageError
from raytemplate.execution.journal import Journal, journals
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.opening import open_ledger
from raytemplate.plugins import suggest
from raytemplate.records.ingested import Snapshot
from raytemplate.records.marked import SnapshotMark
from raytemplate.records.run import RunStart
from raytemplate.reports.snapshots_shown import SnapshotRow, UsedBy
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace, find_run

_DIGEST = re.compile(r"[0-9a-f]{6,64}")


def snapshots(workspace: Workspace) -> tuple[SnapshotRow, ...]:
    """Every snapshot that a run has read, or that the ledger tells of, the newest first.

    Raises:
        IntegrityError: the ledger is lost or was edited.
    """
    ledger = open_ledger(workspace)
    marks, used, read = ledger.marks(), _used(ledger), _read(workspace)
    seen = (digest for digests, _ in used for digest in digests if digest)
    digests = dict.fromkeys([*read, *(mark.snapshot for mark in marks), *seen])
    return tuple(_row(digest, read.get(digest, []), marks, used, workspace) for digest in digests)


def find_snapshot(ref: str, workspace: Workspace) -> SnapshotRow:
    """The snapshot that a run has read ("last" or the beginning of its id), or that has this short name or digest.

    Raises:
        UsageError: there is none, or there are several.
        IntegrityError: the ledger is lost or was edited.
    """
    rows = snapshots(workspace)
    named = [row for row in rows if ref in (row.name, row.digest)]
    if not named and "@" not in ref:
        try:
            snapshot = Journal(find_run(workspace, ref)).read(Snapshot)
        except UsageError:
            named = [row for row in rows if _DIGEST.fullmatch(ref) and row.digest.startswith(ref)]
            if not named:
                raise
        else:
            if snapshot is None:
                raise UsageError(f'run "{ref}" has read no rows yet', next_step="raytemplate snapshot list")
            named = [row for row in rows if row.digest == snapshot.digest]
    if len(named) == 1:
        return named[0]
    if named:
        which = "; ".join(f"{row.digest[:12]} of {row.runs_text}" for row in named)
        what = f'"{ref}" is the name of {len(named)} snapshots: {which}; expected a digest or a run'
        raise UsageError(what, next_step="raytemplate snapshot list")
    told = suggest(ref, tuple(dict.fromkeys(row.name for row in rows))) if rows else "no run has read any"
    raise UsageError(f'no snapshot "{ref}"; {told}', next_step="raytemplate snapshot list")


def _read(workspace: Workspace) -> dict[str, list[tuple[str, Snapshot]]]:
    """Digest -> the runs that read it, with its record; the newest run first."""
    found: list[tuple[RunStart, str, Snapshot]] = []
    for journal in journals(workspace):
        with suppress(IntegrityError):  # `runs` names the run that is damaged
            snapshot = journal.read(Snapshot)
            if snapshot is not None:
                found.append((journal.need(RunStart), journal.run_id, snapshot))
    found.sort(key=lambda one: one[0].started, reverse=True)
    read: dict[str, list[tuple[str, Snapshot]]] = {}
    for _, run, snapshot in found:
        read.setdefault(snapshot.digest, []).append((run, snapshot))
    return read


def _used(ledger: Ledger) -> list[tuple[tuple[str, ...], UsedBy]]:
    """Every version of every model, with digests of the snapshots that it has seen."""
    return list(_versions(ledger))


def _versions(ledger: Ledger) -> Iterator[tuple[tuple[str, ...], UsedBy]]:
    for model in ledger.models():
        seen = ledger.seen(model)
        for version in ledger.history(model).versions:
            by = UsedBy(model=model, version=version.version, state=version.state)
            yield seen.get(version.version, ()), by


def _row(
    digest: str,
    read: list[tuple[str, Snapshot]],
    marks: tuple[SnapshotMark, ...],
    used: list[tuple[tuple[str, ...], UsedBy]],
    workspace: Workspace,
) -> SnapshotRow:
    mine = tuple(mark for mark in marks if mark.snapshot == digest)
    records = [snapshot for _, snapshot in read]
    kept = next((one.kept for one in records if one.kept), next((mark.kept for mark in mine if mark.kept), ""))
    return SnapshotRow(
        digest=digest,
        name=records[0].short_name if records else (mine[0].name if mine else f"data@{digest[:6]}"),
        num_rows=records[0].num_rows if records else 0,
        runs=tuple(run for run, _ in read),
        used_by=tuple(by for seen, by in used if digest in seen),
        marks=mine,
        kept=kept,
        is_there=bool(kept) and ContentStore(workspace.kept).path(kept).is_dir(),
    )
