"""`raytemplate resume RUN`"""

from __future__ import annotations

import click

from raytemplate.cli.options import quiet_option, workspace_option


@click.command("resume")
@click.argument("run")
@workspace_option
@quiet_option
def command(run: str, workspace: str | None, quiet: bool) -> int:
    """Go on with a run at the first step it has not finished, within what is left of its budget.

    RUN is a unique id prefix or `last`. A run whose champion has moved since is judged again, without training.
    """
    from raytemplate import api
    from raytemplate.cli.main import STARTED
    from raytemplate.cli.progress import Progress
    from raytemplate.cli.run_command import finish

    found = api.find(run, workspace=workspace)
    listener = Progress(found.journal.folder.parent, quiet=quiet)
    return finish(api.resume(run, workspace=workspace, listener=listener, started=STARTED))
