"""Options that several commands share."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

file_argument = click.argument("file", type=click.Path(path_type=Path))
workspace_option = click.option(
    "--workspace", metavar="DIR", help="Folder that holds .raytemplate (default: found upwards)."
)
quiet_option = click.option("--quiet", is_flag=True, help="No progress; results only.")
as_of_option = click.option(
    "--as-of", default="now", metavar="TIME",
    help="A date or time (UTC), now (the last midnight, default) or latest (after the newest row).",
)  # fmt: skip

address_option = click.option(
    "--address", metavar="ADDRESS", help="A Ray that already runs: auto finds the one here (default: one of its own)."
)


def template_options(command: F) -> F:
    """FILE with `--set` and `--variant`."""
    command = click.option("--variant", metavar="NAME", help="A variant declared in the template.")(command)
    command = click.option(
        "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set a field, such as training.epochs=3."
    )(command)
    return file_argument(command)


def load(file: Path, sets: tuple[str, ...], variant: str | None) -> Any:
    """The template with its layers."""
    from raytemplate.spec.load import load as load_template

    return load_template(file, sets=sets, variant=variant, environ=os.environ)


def command_tail(
    as_of: str, sets: tuple[str, ...], variant: str | None, workspace: str | None, address: str | None = None
) -> str:
    """The options as they were typed, for the next command."""
    parts = ["--as-of", as_of] if as_of != "now" else []
    for text in sets:
        parts += ["--set", text]
    if variant:
        parts += ["--variant", variant]
    if workspace:
        parts += ["--workspace", workspace]
    if address:
        parts += ["--address", address]
    return shlex.join(parts)
