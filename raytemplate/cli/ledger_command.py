"""`raytemplate ledger show`, `verify`, `export` and `settings`"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from raytemplate.cli.options import refuse_no_file, tell_settings, workspace_option
from raytemplate.cli.output import Answer
from raytemplate.errors import EXIT_DONE, IntegrityError

if TYPE_CHECKING:
    from raytemplate.history.verified import Verified

_MOST_SHOWN = 20
_file_path = click.Path(path_type=Path)


@click.group("ledger", no_args_is_help=False)
def command() -> None:
    """The record of every promotion and rollback: governance.db."""


@command.command("show")
@workspace_option
def show(workspace: str | None) -> Answer:
    """List all events: number, time, what, model, who and the key that signed it. Exit 7 if one was edited."""
    from raytemplate import api
    from raytemplate.reports.ledger_shown import ledger_text

    found = api.ledger(workspace=workspace)
    tell_settings(workspace)
    code = IntegrityError.exit_code if found.faults else EXIT_DONE
    return Answer(
        kind="Ledger", data={"events": found.rows, "faults": found.faults}, text=ledger_text(found), code=code
    )


@command.command("export")
@click.argument("file", type=_file_path)
@workspace_option
def export(file: Path, workspace: str | None) -> Answer:
    """Write all events and the public keys to FILE as JSON Lines, to be verified anywhere."""
    from raytemplate import api
    from raytemplate.reports.wording import count

    refuse_no_file(file, "FILE")
    number = api.export_ledger(file, workspace=workspace)
    text = f"{file}: {count(number, 'event')}\n  raytemplate ledger verify {file}"
    return Answer(kind="LedgerExported", data={"file": str(file), "events": number}, text=text)


@command.command("verify")
@click.argument("file", type=_file_path, required=False)
@click.option("--against", type=_file_path, metavar="FILE", help="Compare with the checkpoints in this file, too.")
@workspace_option
def verify(file: Path | None, against: Path | None, workspace: str | None) -> Answer:
    """Check events, signatures, heads, promotions of runs and checkpoints. Names every fault; changes nothing.

    With FILE, which `ledger export` wrote, that is checked in place of the workspace's ledger.
    """
    from raytemplate import api

    found = api.verify_ledger(file, against=against, workspace=workspace)
    if file is None:
        tell_settings(workspace)
    data = {
        "events": found.num_events,
        "models": found.models,
        "records": found.num_records,
        "faults": found.faults,
        "ledger": found.ledger,
        "signed_since": found.signed_since,
        "keys": [known.key.id for known in found.keys],
        "checkpoints": [{"file": str(each.path), "events": each.size} for each in found.compared if each.size],
        "not_compared": found.not_compared,
    }
    code = IntegrityError.exit_code if found.faults else EXIT_DONE
    text = "\n".join(_lines(found, exported=file is not None))
    return Answer(kind="LedgerVerified", data=data, text=text, code=code)


@command.command("settings")
@click.argument("file", type=_file_path, required=False)
@click.option("--reason", default="", help="Why, kept in the ledger; required with FILE.")
@workspace_option
def settings(file: Path | None, reason: str, workspace: str | None) -> Answer:
    """Put the settings of FILE, the workspace's governance.yaml, in force. Without FILE, print those in force."""
    from raytemplate import api

    if file is None:
        return _in_force(workspace)
    event, warning = api.change_settings(file, reason=reason, workspace=workspace)
    done = f"The settings of {file} are in force by event {event}." if event else f"{file} is in force already."
    text = "\n".join([done, *([warning] if warning else []), "  raytemplate ledger show"])
    return Answer(kind="SettingsChanged", data={"event": event, "warning": warning}, text=text)


def _in_force(workspace: str | None) -> Answer:
    from raytemplate import api
    from raytemplate.reports.settings_shown import settings_yaml

    found = api.settings(workspace=workspace)
    event, since = found.event, "In force: the defaults."
    if event is not None:
        since = f"In force since event {event.seq}, {event.at[:16].replace('T', ' ')} UTC, by {event.actor}."
    data = {"settings": found.settings, "event": event.seq if event else 0}
    return Answer(kind="Settings", data=data, text=settings_yaml(found.settings, since))


def _lines(found: Verified, *, exported: bool) -> Iterator[str]:
    from raytemplate.reports.ledger_shown import elsewhere_text, proof_text
    from raytemplate.reports.wording import count

    if found.faults:
        yield from found.faults[:_MOST_SHOWN]
        if len(found.faults) > _MOST_SHOWN:
            yield f"... and {len(found.faults) - _MOST_SHOWN:,} more; --json has all of them"
        yield f"{count(len(found.faults), 'fault')}; nothing was changed. Restore what was edited from a backup."
        return
    events, models = count(found.num_events, "event"), count(len(found.models), "model")
    if exported:
        yield f"The exported ledger is whole: {events} of {models}."
    else:
        yield f"The ledger is whole: {events} of {models}, {count(found.num_records, 'promotion')} of runs agree."
    if not found.num_events:
        yield "  raytemplate run FILE"
        return
    yield proof_text(
        found.signed_since, found.num_events, found.keys, [(each.path, each.size) for each in found.compared]
    )
    if not exported:
        named = found.elsewhere or not any(each.size for each in found.compared)  # told above
        yield from elsewhere_text(found.not_compared, named=named)
    yield "  raytemplate models" if exported else "  raytemplate ledger show"
