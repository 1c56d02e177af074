"""`raytemplate logs RUN`"""

from __future__ import annotations

import click

from raytemplate.cli.options import workspace_option


@click.command("logs")
@click.argument("run")
@click.option("--follow", is_flag=True, help="Go on until the run's job ends.")
@workspace_option
def command(run: str, follow: bool, workspace: str | None) -> int:
    """What a run's Ray has said: its job's log where it was submitted, else its ray.log."""
    from raytemplate import api

    for text in api.logs(run, workspace=workspace):
        click.echo(text, nl=False)
        if not follow:
            break
    return 0
