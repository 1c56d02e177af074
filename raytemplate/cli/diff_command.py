"""`raytemplate diff A B`"""

import click

from raytemplate.cli import completing
from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer


@click.command("diff")
@click.argument("a", shell_complete=completing.runs)
@click.argument("b", shell_complete=completing.runs)
@workspace_option
def command(a: str, b: str, workspace: str | None) -> Answer:
    """Show what differs between two runs (id prefixes, `last`, or `last~1` for the one before): template, plan, data,
    raw profiles, code, environment, metrics."""
    from raytemplate import api

    found = api.diff(a, b, workspace=workspace)
    data = {"first": found.first, "second": found.second, "sections": found.sections, "note": found.note}
    return Answer(kind="Differences", data=data, text=str(found))
