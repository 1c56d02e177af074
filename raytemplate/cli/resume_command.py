"""`raytemplate resume RUN`"""

import click

from raytemplate.cli import completing
from raytemplate.cli.options import no_reuse_option, workspace_option
from raytemplate.cli.output import Answer


@click.command("resume")
@click.argument("run", shell_complete=completing.runs)
@click.option("--address", metavar="ADDRESS", help="Another Ray to resume on, whose nodes see the run's files too.")
@no_reuse_option
@workspace_option
def command(run: str, address: str | None, no_reuse: bool, workspace: str | None) -> Answer:
    """Resume a run at the first step it has not finished, within what is left of its budget.

    RUN is a unique id prefix or `last`. If the champion has moved since, the run is judged again, without training.
    """
    from raytemplate import api
    from raytemplate.cli.main import STARTED
    from raytemplate.cli.progress import listener
    from raytemplate.cli.run_command import finish

    found = api.find(run, workspace=workspace)
    heard = listener(found.journal.folder.parent)
    return finish(
        api.resume(
            run,
            address=address,
            workspace=workspace,
            listener=heard,
            began=STARTED,
            own_process=True,
            reuse=not no_reuse,
        )
    )
