"""`raytemplate reproduce RUN`"""

import click

from raytemplate.cli import completing
from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer
from raytemplate.errors import IntegrityError


@click.command("reproduce")
@click.argument("run", metavar="REF", shell_complete=completing.references)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0.0),
    default=0.01,
    show_default=True,
    help="Share of its recorded value by which a metric may differ.",
)
@click.option("--address", metavar="ADDRESS", help="A running Ray to train on. Default: one started for this.")
@workspace_option
def command(run: str, tolerance: float, address: str | None, workspace: str | None) -> Answer:
    """Train a run again from its records alone, and compare weights and metrics.

    REF is a run (id prefix or `last`) or a model, for the run that made it. Nothing is judged or registered; of a
    sweep, only the winner is trained again.
    Exit code 7 if data, code, packages or the stored model are no longer those of the run, or if the result differs.
    """
    from raytemplate import api
    from raytemplate.api.workspaces import workspace_at
    from raytemplate.cli.main import STARTED
    from raytemplate.cli.progress import listener

    made = api.reproduce(
        run,
        tolerance=tolerance,
        address=address,
        workspace=workspace,
        listener=listener(workspace_at(workspace).runs),
        began=STARTED,
        own_process=True,
    )
    code = 0 if made.succeeded else IntegrityError.exit_code
    return Answer(kind="Reproduction", data={"reproduction": made.record}, text=f"\n{made}", code=code)
