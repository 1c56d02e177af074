"""`raytemplate clean`"""

import click

from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer


@click.command("clean")
@click.option(
    "--free",
    multiple=True,
    metavar="KIND",
    help="Free everything of a kind, such as encoded, or all; may be repeated. needed must be named itself.",
)
@workspace_option
def command(free: tuple[str, ...], workspace: str | None) -> Answer:
    """List what the workspace holds besides records and models, why, and how large it is; free what is asked for.

    All of it can be made again, except copies of rows that a run needs to be reproduced (needed): only `--free needed`
    frees those.
    """
    from raytemplate import api

    found = api.clean(free, workspace=workspace)
    return Answer(kind="Holdings", data={"holdings": found.holdings, "freed_bytes": found.freed_bytes}, text=str(found))
