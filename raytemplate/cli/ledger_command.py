"""`raytemplate ledger show`, `verify`, `export`, `repair`, `restore`, `settings` and `sql`"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from raytemplate.cli import completing
from raytemplate.cli.options import refuse_no_file, tell_settings, workspace_option
from raytemplate.cli.output import Answer
from raytemplate.errors import EXIT_DONE, IntegrityError, Unavailable

if TYPE_CHECKING:
    from raytemplate.history.verified import Verified
    from raytemplate.records.mended import Mended, Restoration

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
    from raytemplate.units import count

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
        "mlflow": found.mlflow,
        "checkpoints": [{"file": str(each.path), "events": each.size} for each in found.compared if each.size],
        "not_compared": found.not_compared,
    }
    code = IntegrityError.exit_code if found.faults else EXIT_DONE
    text = "\n".join(_lines(found, exported=file is not None))
    return Answer(kind="LedgerVerified", data=data, text=text, code=code)


@command.command("sql")
@click.option("--schema", metavar="NAME", default="raytemplate", show_default=True, help="Schema to make.")
def sql(schema: str) -> Answer:
    """Print the SQL with which an administrator makes a team's ledger in PostgreSQL: schema, tables and roles."""
    from raytemplate.ledger.postgres_sql import is_schema, ledger_sql

    if not is_schema(schema):
        what = f'--schema: got "{schema}", expected small letters, digits and _, at most 40, a letter first'
        raise click.UsageError(what)
    text = ledger_sql(schema)
    return Answer(kind="LedgerSql", data={"database_schema": schema, "sql": text}, text=text.rstrip("\n"))


@command.command("repair")
@click.argument("model", required=False, default="", shell_complete=completing.models)
@workspace_option
def repair(model: str, workspace: str | None) -> Answer:
    """Bring MLflow's aliases, versions and tags in line with the ledger; say what was found. The ledger stays as it is.

    With MODEL, only of that model.
    """
    from raytemplate import api

    mended = api.repair_ledger(model, workspace=workspace)
    left = [one for one in mended if one.left]
    code = EXIT_DONE
    if left:
        code = (Unavailable if any(one.unavailable for one in left) else IntegrityError).exit_code
    text = "\n".join([*_mended_lines(mended), "  raytemplate ledger repair" if left else "  raytemplate models"])
    return Answer(kind="LedgerRepaired", data={"models": mended}, text=text, code=code)


@command.command("restore")
@click.argument("file", type=_file_path)
@click.option("--older", is_flag=True, help="Restore it even if newer events are known; they are lost.")
@click.option("--reason", default="", help="Why an older copy is restored, kept in the ledger.")
@workspace_option
def restore(file: Path, older: bool, reason: str, workspace: str | None) -> Answer:
    """Put FILE, a copy of governance.db or an export, in place of the ledger, after all of it is verified.

    What was there is kept beside it. Exit 7 if FILE is not the newest that is known, unless --older says so.
    """
    from raytemplate import api
    from raytemplate.records.codec import encode

    done = api.restore_ledger(file, older=older, reason=reason, workspace=workspace)
    return Answer(kind="LedgerRestored", data=encode(done), text="\n".join(_restored_lines(file, done)))


def _restored_lines(file: Path, done: Restoration) -> Iterator[str]:
    from raytemplate.reports.layout import hanging
    from raytemplate.units import count

    events, models = count(done.num_events, "event"), count(len(done.models), "model")
    if done.was_there:
        yield f"The ledger has all {events} of {file} already; nothing was written."
    else:
        yield f"Restored: {events} of {models}, all of them verified."
    covered = f"as new as the newest one, of {count(done.checkpoint, 'event')}"
    if not done.checkpoint:
        covered = "none outside the workspace, so that nothing tells whether this is the newest copy"
    told = [("lost", line) for line in done.lost] or [("checkpoint", covered)]
    told += [("kept", f"what was there, in {done.kept}")] if done.kept else []
    for run in done.set_aside:
        told.append(("run", f"{run} lost its promotion; to judge it again: raytemplate resume {run}"))
    told += [("missing", line) for line in done.missing]
    told += [("warning", done.warning)] if done.warning else []
    for name, text in told:
        yield hanging(f"  {name:<13}", text)
    yield "  raytemplate ledger verify"


def _mended_lines(mended: Sequence[Mended]) -> Iterator[str]:
    for one in mended:
        yield from (f"{one.model}: mended: {line}" for line in one.found)
        yield from (f"{one.model}: not mended: {line}" for line in one.left)
    if not any(one.found or one.left for one in mended):
        which = f"{mended[0].model} is" if len(mended) == 1 else f"all {len(mended)} models are"
        yield f"Nothing to repair: {which} in MLflow as the ledger says." if mended else "No models yet."


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
    from raytemplate.reports.layout import hanging
    from raytemplate.reports.ledger_shown import elsewhere_text, excused_text, proof_text
    from raytemplate.units import count

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
    yield from excused_text([(each.path, each.num_excused) for each in found.compared])
    if not exported:
        named = found.elsewhere or not any(each.size for each in found.compared)  # told above
        yield from elsewhere_text(found.not_compared, found.empty, named=named)
    for line in found.mlflow:
        yield hanging("  MLflow       ", line)
    if found.mlflow:
        yield "  raytemplate ledger repair"
        return
    yield "  raytemplate models" if exported else "  raytemplate ledger show"
