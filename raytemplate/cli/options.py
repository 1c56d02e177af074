"""Options that several commands share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from raytemplate.cli import completing
from raytemplate.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

file_argument = click.argument("file", type=click.Path(path_type=Path))
workspace_option = click.option(
    "--workspace", metavar="DIR", help="Folder that holds .raytemplate (default: found upwards)."
)
_EVERYWHERE: tuple[tuple[str, bool, str | None, str], ...] = (
    ("--workspace", False, "DIR", "Folder that holds .raytemplate; this command needs none."),
    ("--json", True, None, "Print one JSON document on stdout; an error is one on stderr."),
    ("--quiet", True, None, "No progress; results only."),
)
as_of_option = click.option(
    "--as-of",
    default="now",
    metavar="TIME",
    help="A date or time (UTC), now (the last midnight, default) or latest (after the newest row).",
)

address_option = click.option(
    "--address", metavar="ADDRESS", help="A running Ray; auto finds the one on this machine (default: start one)."
)

no_reuse_option = click.option(
    "--no-reuse", is_flag=True, help="Read and encode all rows, even if an earlier run has; keep none for later runs."
)


set_option = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a field, such as training.epochs=3.",
    shell_complete=completing.settings,
)
variant_option = click.option("--variant", metavar="NAME", help="A variant declared in the template.")


def template_options(command: F) -> F:
    """Add FILE, `--set` and `--variant` to a command."""
    return file_argument(set_option(variant_option(command)))


def load(file: Path, sets: tuple[str, ...], variant: str | None) -> Any:
    """The template with its layers merged."""
    from raytemplate.spec.load import load as load_template

    return load_template(file, sets=sets, variant=variant, environ=os.environ)


def with_output_options(command: click.Command) -> click.Command:
    """Add the options of every command to a command, or to each command of a group. `output.Wishes` reads them."""
    if isinstance(command, click.Group):
        command.commands = {name: with_output_options(one) for name, one in command.commands.items()}
        return command
    named = {name for parameter in command.params for name in parameter.opts}
    command.params += [
        click.Option([name], is_flag=flag, metavar=metavar, help=text, expose_value=False)
        for name, flag, metavar, text in _EVERYWHERE
        if name not in named
    ]
    return command


def refuse_no_file(path: Path, option: str) -> None:
    """Stop early if a file could not be written.

    Raises:
        UsageError: the path is a folder, or its folder does not exist.
    """
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"{option} {path}: expected a file in a folder that exists", next_step=f"another {option}")


def tell_settings(workspace: str | None) -> None:
    """Say on stderr that `governance.yaml` is not what the ledger has in force, which stops nobody who only looks."""
    from raytemplate import api

    if told := api.settings_difference(workspace=workspace):
        click.echo(told, err=True)
