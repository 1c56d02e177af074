"""Snapshots: those that a workspace knows, freezing the rows of one, and revoking one."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from raytemplate.api.workspaces import workspace_at, workspace_to_write
from raytemplate.errors import Refused, UsageError
from raytemplate.history.runs import Run
from raytemplate.records.marked import MarkKind, SnapshotMark
from raytemplate.redact import redact
from raytemplate.reports.snapshots_shown import SnapshotRow, frozen_text, revoked_text

if TYPE_CHECKING:
    from raytemplate.ledger.head import Ledger


@dataclass(frozen=True, kw_only=True)
class Marked:
    """What was decided about a snapshot; prints as `raytemplate snapshot freeze` and `revoke` do."""

    snapshot: SnapshotRow
    """The snapshot, with who has used it."""

    mark: SnapshotMark
    """The decision."""

    commands: tuple[str, ...] = ()
    """What to do next."""

    warning: str = ""
    """Why no checkpoint of the ledger was kept; "" if one was."""

    def __str__(self) -> str:
        if self.mark.kind == "frozen":
            return frozen_text(self.snapshot, self.mark, self.warning)
        return revoked_text(self.snapshot, self.mark, self.warning, self.commands)

    def __repr__(self) -> str:
        return f"<snapshot {self.snapshot.name}, {self.mark.kind}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def snapshots(*, workspace: str | None = None) -> tuple[SnapshotRow, ...]:
    """Every snapshot that a run of the workspace has read, with the versions that have seen it; the newest first.

    Raises:
        IntegrityError: the ledger is lost or was edited.
    """
    from raytemplate.history.snapshots import snapshots as listed

    return listed(workspace_at(workspace))


def freeze_snapshot(ref: str | Run, *, reason: str = "", workspace: str | None = None) -> Marked:
    """Keep the rows of a snapshot: the copy of them, if a run kept one, is never freed. Done once; again, nothing.

    Args:
        ref: a run that read it; its short name, such as "flights@3f7f16"; or its digest.
        reason: why, kept in the ledger; required.

    Raises:
        IntegrityError: the ledger is lost or was edited.
        UsageError: no such run or snapshot, several of that name, or no reason.
    """
    return _marked(ref, "frozen", reason, workspace)


def revoke_snapshot(ref: str | Run, *, reason: str = "", workspace: str | None = None) -> Marked:
    """Let nothing be promoted any more that was made from a snapshot or judged on it. For good; again, nothing.

    Args:
        ref: as for `freeze_snapshot`.
        reason: why, kept in the ledger; required.

    Raises:
        IntegrityError, UsageError: see `freeze_snapshot`.
    """
    return _marked(ref, "revoked", reason, workspace)


def _marked(ref: str | Run, kind: MarkKind, reason: str, workspace: str | None) -> Marked:
    from raytemplate.conducting.promoter import PromoterProcess
    from raytemplate.history.snapshots import find_snapshot
    from raytemplate.ledger.opening import open_ledger

    found_in, why = workspace_to_write(workspace), redact(reason).strip()
    named = ref if isinstance(ref, str) else ref.id
    row, warning = find_snapshot(named, found_in), ""
    if not why:
        verb = "freeze" if kind == "frozen" else "revoke"
        raise UsageError(
            f"to {verb} a snapshot needs a reason, which the ledger keeps",
            next_step=f'raytemplate snapshot {verb} {named} --reason "..."',
        )
    if row.mark(kind) is None:
        with PromoterProcess(found_in, None, found_in.root / "promoter.log", getpass.getuser()) as promoter:
            warning = promoter.mark_snapshot(kind, row.digest, row.name, row.kept, why)
        row = find_snapshot(row.digest, found_in)
    mark = row.mark(kind)
    assert mark is not None  # it was there, or the promoter would have raised
    return Marked(snapshot=row, mark=mark, commands=_commands(row, open_ledger(found_in)), warning=warning)


def _commands(row: SnapshotRow, ledger: Ledger) -> tuple[str, ...]:
    """What brings each champion that has seen a revoked snapshot out of service."""
    found: list[str] = []
    for champion in row.champions:
        try:
            ledger.rollback_target(champion.model)
        except Refused as refused:
            found.append(refused.next_step)
        except UsageError:
            found.append(f"raytemplate show {champion.model}    # no earlier champion: retrain it on other rows")
        else:
            found.append(f"raytemplate rollback {champion.model}")
    return tuple(found) or ("raytemplate snapshot list",)
