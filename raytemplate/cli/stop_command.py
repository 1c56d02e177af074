"""`raytemplate stop RUN`"""

from __future__ import annotations

import click

from raytemplate.cli.options import workspace_option


@click.command("stop")
@click.argument("run")
@workspace_option
def command(run: str, workspace: str | None) -> int:
    """End the job of a submitted run. What it has trained is kept, and resume goes on from there."""
    from raytemplate import api

    stopped = api.stop(run, workspace=workspace)
    epochs = stopped.journal.epochs()
    kept = f"; training is kept up to epoch {epochs[-1].epoch}" if epochs else ""
    click.echo(f"The job of run {stopped.id} has ended{kept}. To go on:\n  raytemplate resume {stopped.id}")
    return 0
