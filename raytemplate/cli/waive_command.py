"""`raytemplate waive RUN GATE`"""

import click

from raytemplate.cli import completing
from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer


@click.command("waive")
@click.argument("run", shell_complete=completing.runs)
@click.argument("gate", shell_complete=completing.gates)
@click.option("--reason", default="", help="Why, kept in the ledger and shown with the verdict; required.")
@click.option("--until", default="", metavar="TIME", help="When it ends: a date or time (UTC), or 7d; at most 30 days.")
@workspace_option
def command(run: str, gate: str, reason: str, until: str, workspace: str | None) -> Answer:
    """Except a run's candidate from a gate that blocked or held it, for a time. Promotes nothing.

    A gate that could not judge is never waived, nor is one on integrity or privacy.
    """
    from raytemplate import api

    found = api.waive(run, gate, reason=reason, until=until, workspace=workspace)
    data = {"run": found.run_id, "waiver": found.waiver, "still": found.still, "warning": found.warning}
    return Answer(kind="Waived", data=data, text=str(found))
