"""`raytemplate stop RUN`"""

import click

from raytemplate.cli import completing
from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer


@click.command("stop")
@click.argument("run", shell_complete=completing.runs)
@workspace_option
def command(run: str, workspace: str | None) -> Answer:
    """End the job of a submitted run. What it has trained is kept, and resume continues from there."""
    from raytemplate import api

    stopped = api.stop(run, workspace=workspace)
    epochs = stopped.journal.epochs()
    kept = f"; training is kept up to epoch {epochs[-1].epoch}" if epochs else ""
    text = f"The job of run {stopped.id} has ended{kept}. To resume it:\n  raytemplate resume {stopped.id}"
    data = {"run": stopped.id, "epoch": epochs[-1].epoch if epochs else 0}
    return Answer(kind="Stopped", data=data, text=text)
