"""`raytemplate models`"""

from __future__ import annotations

from datetime import UTC, datetime

import click

from raytemplate.cli.options import workspace_option


@click.command("models")
@workspace_option
def command(workspace: str | None) -> int:
    """List registered models with their champions."""
    from raytemplate import api
    from raytemplate.reports.history import models_table

    click.echo(models_table(api.models(workspace=workspace), now=datetime.now(UTC)))
    return 0
