"""`raytemplate logs RUN`"""

from itertools import islice

import click

from raytemplate.cli import completing
from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer
from raytemplate.reports.visible import without_colours


@click.command("logs")
@click.argument("run", shell_complete=completing.runs)
@click.option("--follow", is_flag=True, help="Keep printing until the run's job ends.")
@click.option("--events", is_flag=True, help="What happened to the run, one JSON object a line.")
@workspace_option
def command(run: str, follow: bool, events: bool, workspace: str | None) -> Answer:
    """Print what a run's Ray has logged: its job's log if it was submitted, otherwise its ray.log; or its log.jsonl."""
    from raytemplate import api

    pieces = map(without_colours, api.logs(run, events=events, workspace=workspace))
    return Answer(kind="Log", data={"run": run}, text=pieces if follow else islice(pieces, 1))
