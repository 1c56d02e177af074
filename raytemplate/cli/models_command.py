"""`raytemplate models`"""

from datetime import UTC, datetime

import click

from raytemplate.cli.options import tell_settings, workspace_option
from raytemplate.cli.output import Answer


@click.command("models")
@workspace_option
def command(workspace: str | None) -> Answer:
    """List registered models with their champions."""
    from raytemplate import api
    from raytemplate.reports.history import models_table

    tell_settings(workspace)
    rows = api.models(workspace=workspace)
    return Answer(kind="Models", data={"models": rows}, text=models_table(rows, now=datetime.now(UTC)))
