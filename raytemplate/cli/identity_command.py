"""`raytemplate identity`"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer

if TYPE_CHECKING:
    from raytemplate.ledger.keyring import KnownKey
    from raytemplate.ledger.keys import LocalKey


@click.group("identity", no_args_is_help=False)
def command() -> None:
    """Your keys: your own, and the one that signs what the ledger keeps."""


@command.command("show")
def show() -> Answer:
    """Show your keys on this machine. Makes none."""
    from raytemplate import api

    found = api.local_keys()
    return Answer(kind="LocalKeys", data={"keys": [_data(key) for key in found]}, text=_table(found))


@command.command("new")
@click.option("--promoter", is_flag=True, help="Replace the key that signs events of ledgers, not your own.")
def new(promoter: bool) -> Answer:
    """Make a new key, which signs from now on. The file of the one before is kept."""
    from raytemplate import api

    made = api.new_key(promoter=promoter)
    text = f"Key {made.key.id} signs as {made.purpose} from now on: {made.path}\n  raytemplate identity show"
    return Answer(kind="LocalKey", data=_data(made), text=text)


@command.command("list")
@workspace_option
def list_known(workspace: str | None) -> Answer:
    """List the keys that the ledger knows: what for, whose, since when, and which are revoked."""
    from raytemplate import api

    found = api.ledger_keys(workspace=workspace)
    return Answer(kind="LedgerKeys", data={"keys": [_known_data(known) for known in found]}, text=_known_table(found))


@command.command("revoke")
@click.argument("key")
@click.option("--reason", default="", help="Why, kept in the ledger; required.")
@workspace_option
def revoke(key: str, reason: str, workspace: str | None) -> Answer:
    """Let KEY, an id or its beginning, sign nothing more in the ledger. What it has signed stays valid."""
    from raytemplate import api

    known, warning = api.revoke_key(key, reason=reason, workspace=workspace)
    ours = {local.key for local in api.local_keys() if local.in_use}
    new = "identity new" + (" --promoter" if known.purpose == "promoter" else "")
    following = new if known.key in ours else "identity list"
    lines = [
        f"Key {known.key.id} of {known.name} is revoked by event {known.revoked}.",
        *([warning] if warning else []),
    ]
    text = "\n".join([*lines, f"  raytemplate {following}"])
    return Answer(kind="KeyRevoked", data={**_known_data(known), "warning": warning}, text=text)


def _known_data(known: KnownKey) -> dict[str, Any]:
    return {
        "id": known.key.id,
        "public_key": known.key.text,
        "purpose": known.purpose,
        "name": known.name,
        "since": known.since,
        "at": known.at,
        "revoked": known.revoked,
    }


def _known_table(keys: Sequence[KnownKey]) -> str:
    from raytemplate.reports.layout import table

    if not keys:
        return "The ledger knows no keys yet. The next promotion or rollback adds one.\n  raytemplate identity show"
    rows = [
        (known.key.id, known.purpose, known.name, f"event {known.since}, {known.at[:10]}",
         f"by event {known.revoked}" if known.revoked else "-")
        for known in keys
    ]  # fmt: skip
    titles = ("key", "signs as", "of", "since", "revoked")
    return f"{table([titles, *rows], gaps=(3, 2, 2, 2))}\n\n  raytemplate ledger verify"


def _data(key: LocalKey) -> dict[str, Any]:
    return {
        "id": key.key.id,
        "purpose": key.purpose,
        "public_key": key.key.text,
        "since": key.since,
        "in_use": key.in_use,
        "path": str(key.path),
    }


def _table(keys: Sequence[LocalKey]) -> str:
    from raytemplate.reports.layout import table

    if not keys:
        return "No keys yet. Your first promotion makes them, or:\n  raytemplate identity new"
    titles = ("key", "signs as", "since", "file")
    rows = [
        (key.key.id, key.purpose if key.in_use else "replaced", f"{key.since:%Y-%m-%d}", str(key.path)) for key in keys
    ]
    return f"{table([titles, *rows], gaps=(3, 2, 2))}\n\n  raytemplate identity list"
