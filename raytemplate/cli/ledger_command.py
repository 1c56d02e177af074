"""`raytemplate ledger verify`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer
from raytemplate.errors import EXIT_DONE, IntegrityError

if TYPE_CHECKING:
    from raytemplate.history.verified import Verified


@click.group("ledger", no_args_is_help=False)
def command() -> None:
    """The record of every promotion and rollback: governance.db."""


@command.command("verify")
@workspace_option
def verify(workspace: str | None) -> Answer:
    """Check all events, heads and promotions of runs against each other. Names every fault; changes nothing."""
    from raytemplate import api

    found = api.verify_ledger(workspace=workspace)
    data = {"events": found.num_events, "models": found.models, "records": found.num_records, "faults": found.faults}
    code = IntegrityError.exit_code if found.faults else EXIT_DONE
    return Answer(kind="LedgerVerified", data=data, text="\n".join(_lines(found)), code=code)


def _lines(found: Verified) -> list[str]:
    from raytemplate.reports.wording import count

    if found.faults:
        told = f"{count(len(found.faults), 'fault')}; nothing was changed. Restore what was edited from a backup."
        return [*found.faults, told]
    parts = (
        count(found.num_events, "event"), count(len(found.models), "model"), count(found.num_records, "promotion"),
    )  # fmt: skip
    return ["The ledger is whole: {} of {}, {} of runs agree.".format(*parts), "  raytemplate models"]
