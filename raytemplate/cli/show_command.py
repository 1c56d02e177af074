"""`raytemplate show REF`"""

from __future__ import annotations

import click

from raytemplate.cli.options import workspace_option


@click.command("show")
@click.argument("ref")
@workspace_option
def command(ref: str, workspace: str | None) -> int:
    """Show a run (id prefix or `last`) or a model (name, name@champion, name/3)."""
    from raytemplate import api

    click.echo(api.show(ref, workspace=workspace))
    return 0
