"""`raytemplate snapshot`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from raytemplate.cli import completing
from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer

if TYPE_CHECKING:
    from raytemplate.api import Marked

_ref_argument = click.argument("snapshot", metavar="RUN|NAME", shell_complete=completing.snapshots)
_reason_option = click.option("--reason", default="", help="Why, kept in the ledger; required.")


@click.group("snapshot", no_args_is_help=False)
def command() -> None:
    """The rows that runs have read: list them, freeze them, revoke them."""


@command.command("list")
@workspace_option
def list_(workspace: str | None) -> Answer:
    """List snapshots: the runs that read them, the versions that have seen them, which are frozen or revoked."""
    from raytemplate import api
    from raytemplate.reports.snapshots_shown import snapshots_text

    rows = api.snapshots(workspace=workspace)
    return Answer(kind="Snapshots", data={"snapshots": rows}, text=snapshots_text(rows))


@command.command("freeze")
@_ref_argument
@_reason_option
@workspace_option
def freeze(snapshot: str, reason: str, workspace: str | None) -> Answer:
    """Keep the rows of a snapshot: `clean` never frees the copy of them, if a run kept one (data.keep: copy).

    It is named by a run that read it, by its short name such as flights@3f7f16, or by its digest.
    """
    from raytemplate import api

    return _answer(api.freeze_snapshot(snapshot, reason=reason, workspace=workspace))


@command.command("revoke")
@_ref_argument
@_reason_option
@workspace_option
def revoke(snapshot: str, reason: str, workspace: str | None) -> Answer:
    """Promote nothing any more that was made from a snapshot or judged on it; name the versions that have seen it.

    It is named as for `snapshot freeze`. There is no way back: train on other rows.
    """
    from raytemplate import api

    return _answer(api.revoke_snapshot(snapshot, reason=reason, workspace=workspace))


def _answer(found: Marked) -> Answer:
    data = {"snapshot": found.snapshot, "mark": found.mark, "next": found.commands, "warning": found.warning}
    return Answer(kind="SnapshotMarked", data=data, text=str(found))
