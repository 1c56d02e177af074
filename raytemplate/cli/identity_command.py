"""`raytemplate identity`"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from raytemplate.cli.output import Answer

if TYPE_CHECKING:
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
