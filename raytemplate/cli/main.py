"""`raytemplate`: finds the command, imports only its file, and turns errors into exit codes."""

import importlib
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import NoReturn

import click

from raytemplate.cli.options import with_output_options
from raytemplate.cli.output import Answer, Wishes, give, tell
from raytemplate.cli.signals import hear_signals
from raytemplate.collector import collect_rarely
from raytemplate.ending import told_by
from raytemplate.errors import Interrupted, RaytemplateError, UsageError, was_terminated
from raytemplate.redact import redacted_stream

STARTED = time.monotonic()
"""When this process began, by `time.monotonic()`: the start of a run's budget."""

_GROUPS = {
    "Start": ("init", "check", "schema", "doctor"),
    "Retrain": ("plan", "run", "submit", "resume", "logs", "stop"),
    "Ask": ("profile",),
    "Look": ("runs", "show", "diff", "lineage", "report", "site", "reproduce"),
    "Decide": ("promote", "rollback", "waive", "snapshot", "ledger"),
    "Use": ("models", "predict"),
    "Govern": ("identity", "promoter", "verify", "clean"),
}
_SUMMARIES = {
    "init": "Make a folder with an example to start from.",
    "check": "Check a template; report every problem with its line.",
    "schema": "Print the JSON Schema of a template, or what one field means.",
    "doctor": "Check what is installed, this machine and Ray.",
    "plan": "Show what a run would do. Starts nothing.",
    "run": "Retrain, evaluate, judge and promote.",
    "submit": "Retrain on a cluster.",
    "profile": "Describe the columns of each window.",
    "logs": "Print what a run's Ray has logged.",
    "stop": "End the job of a submitted run.",
    "resume": "Resume a run that was stopped.",
    "runs": "List runs.",
    "show": "Show a run or a model.",
    "diff": "Show what differs between two runs.",
    "lineage": "Show what a model was made from, or what has seen a file.",
    "report": "Write a run as one HTML page, as cards, or as a pack to be verified.",
    "site": "Write a static site of all models and runs.",
    "reproduce": "Train a run again from its records and compare.",
    "promote": "Promote a run's candidate.",
    "rollback": "Make an earlier champion the champion again.",
    "waive": "Except a run's candidate from a gate, for a time.",
    "snapshot": "List, freeze and revoke the rows that runs have read.",
    "ledger": "Show, verify, export or restore the record of decisions; its settings.",
    "models": "List registered models.",
    "predict": "Score files with a model.",
    "identity": "Show, replace and revoke the keys that sign decisions.",
    "promoter": "Answer what a team's commands have asked for.",
    "verify": "Check a pack of a run, offline.",
    "clean": "List what the workspace holds besides records and models; free it.",
}


class Commands(click.Group):
    """Commands whose files are imported only when called; listing them imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the groups."""
        return [name for names in _GROUPS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command; imports its file."""
        if cmd_name in _WORDS:
            return _WORDS[cmd_name]
        if cmd_name not in _SUMMARIES:
            return None
        return with_output_options(importlib.import_module(f"raytemplate.cli.{cmd_name}_command").command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, or an error that suggests the nearest name."""
        if args[0] not in (*_SUMMARIES, *_WORDS):
            import difflib

            near = difflib.get_close_matches(args[0], _SUMMARIES, n=1)
            raise click.UsageError(
                f"no such command: {args[0]}; "
                + (f"did you mean {near[0]}?" if near else f"there is {', '.join(_SUMMARIES)}"),
                ctx,
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, grouped by what a person wants to do."""
        for title, names in _GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, _SUMMARIES[name]) for name in names])


@click.command("help")
@click.argument("name", required=False)
@click.pass_context
def _help(ctx: click.Context, name: str | None) -> None:
    """Print what `--help` prints, for all commands or for one."""
    root = ctx.find_root()
    if name is None:
        click.echo(root.get_help())
        return
    _, command, _ = cli.resolve_command(root, [name])
    assert command is not None  # an unknown name was refused
    click.echo(command.get_help(click.Context(command, info_name=name, parent=root)))


@click.command("version")
def _version() -> None:
    """What `--version` prints."""
    cli.main(["--version"], prog_name="raytemplate", standalone_mode=False)


_WORDS = {"help": _help, "version": _version}
"""Commands that are not listed: people type them for the options of the same name."""


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="raytemplate", message="raytemplate %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Turn one YAML file into a governed, repeatable model retraining on Ray."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process with its exit code."""
    collect_rarely()
    _open_what_is_closed()
    hear_signals()
    typed = sys.argv[1:] if arguments is None else arguments
    told_by(lambda error: _tell(error, Wishes.of(typed)))
    code = _run(typed)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # already reported by whatever wrote to it
            stream.flush()
    # Ray and torch have finished; what they would still do while the interpreter shuts down only takes time.
    os._exit(code)


def _run(arguments: Sequence[str]) -> int:
    asked = Wishes.of(arguments)
    try:
        result = cli.main(args=list(arguments), prog_name="raytemplate", standalone_mode=False, obj=asked)
        return give(result, asked) if isinstance(result, Answer) else int(result or 0)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        command = context.command_path if context else "raytemplate"
        return _tell(UsageError(f"raytemplate: {error.format_message()}", next_step=f"{command} --help"), asked)
    except (KeyboardInterrupt, click.Abort) as error:
        terminated = was_terminated(error.__cause__ or error)  # click wraps the exception that interrupts it
        return _tell(Interrupted("terminated" if terminated else "interrupted", terminated=terminated), asked)
    except RaytemplateError as error:
        return _tell(error, asked)
    except Exception as error:  # anything else is a bug: it is reported as one, and the process exits with its code
        from raytemplate.plugins import bug

        return _tell(bug(error), asked)


def _tell(error: RaytemplateError, asked: Wishes) -> int:
    from raytemplate.cli import progress

    progress.leave()
    return tell(error, asked, progress.stream())


def _open_what_is_closed() -> None:
    """Open closed standard streams (`>&-`) on the null device; otherwise the next opened file gets their number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  open until the process ends
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = redacted_stream(sys.stdout), redacted_stream(sys.stderr)
