"""`raytemplate runs`"""

from __future__ import annotations

import click

from raytemplate.cli.options import workspace_option


@click.command("runs")
@click.argument("name", required=False)
@click.option("--held", is_flag=True, help="Only runs that wait for a person.")
@workspace_option
def command(name: str | None, held: bool, workspace: str | None) -> int:
    """List runs, newest first; with NAME, those of one template."""
    from raytemplate import api
    from raytemplate.reports.history import runs_table

    rows = [run.row() for run in api.runs(name, workspace=workspace)]
    click.echo(runs_table([row for row in rows if not held or row.state == "held"]))
    return 0
