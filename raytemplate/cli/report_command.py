"""`raytemplate report RUN`"""

from __future__ import annotations

from pathlib import Path

import click

from raytemplate.cli.options import workspace_option
from raytemplate.errors import UsageError


@click.command("report")
@click.argument("run")
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to write it (default: report-RUN.html)."
)
@workspace_option
def command(run: str, output: Path | None, workspace: str | None) -> int:
    """Write a run (id prefix or `last`) as one HTML page that needs nothing else."""
    from raytemplate import api
    from raytemplate.store.atomic import write_atomic

    found = api.find(run, workspace=workspace)
    path = output or Path(f"report-{found.id}.html")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: expected a file in a folder that exists", next_step="choose another --output")
    write_atomic(path, api.report(found.id, workspace=workspace).encode())
    click.echo(f"Run {found.id} of {found.plan.name}: {path}")
    return 0
