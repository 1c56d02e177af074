"""`raytemplate show REF`"""

from __future__ import annotations

import click

from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer


@click.command("show")
@click.argument("ref")
@workspace_option
def command(ref: str, workspace: str | None) -> Answer:
    """Show a run (id prefix or `last`) or a model (name, name@champion, name/3)."""
    from raytemplate import api
    from raytemplate.cli.run_command import run_data
    from raytemplate.execution.runs import Run

    found = api.show(ref, workspace=workspace)
    if isinstance(found, Run):
        return Answer(kind="Run", data=run_data(found), text=str(found))
    data = {"model": found.model, "overdue": found.model.overdue(found.now), "events": found.events,
            "runs": found.runs, "gates": found.gates}  # fmt: skip
    return Answer(kind="Model", data=data, text=str(found))
