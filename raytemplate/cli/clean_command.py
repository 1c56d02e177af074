"""`raytemplate clean`"""

import click

from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer


@click.command("clean")
@click.option(
    "--free",
    multiple=True,
    metavar="KIND",
    help="Free everything of a kind, such as encoded, or all; may be repeated. needed and models must be named.",
)
@click.option(
    "--retention",
    default="",
    metavar="LENGTH",
    help="How long models are kept that nothing else keeps, such as 90d; without it, for ever. Lists them.",
)
@workspace_option
def command(free: tuple[str, ...], retention: str, workspace: str | None) -> Answer:
    """List what the workspace holds besides records and models, why, and how large it is; free what is asked for.

    All of it can be made again, except copies of rows that a run needs to be reproduced (needed): only `--free needed`
    frees those. Models are freed only by `--free models` with a `--retention`, and never a champion, one of the last
    five, or a candidate that waits.
    """
    from raytemplate import api

    found = api.clean(free, retention=retention, workspace=workspace)
    return Answer(kind="Holdings", data={"holdings": found.holdings, "freed_bytes": found.freed_bytes}, text=str(found))
