"""`raytemplate runs`"""

import click

from raytemplate.cli import completing
from raytemplate.cli.options import tell_settings, workspace_option
from raytemplate.cli.output import Answer


@click.command("runs")
@click.argument("name", required=False, shell_complete=completing.models)
@click.option("--held", is_flag=True, help="Only runs that wait for a person.")
@workspace_option
def command(name: str | None, held: bool, workspace: str | None) -> Answer:
    """List runs, newest first; with NAME, those of one template."""
    from raytemplate import api

    tell_settings(workspace)
    found = api.runs(name, states=("held",) if held else (), workspace=workspace)
    return Answer(kind="Runs", data={"runs": found.rows, "damaged": found.damaged}, text=str(found))
