"""`raytemplate rollback MODEL`"""

import click

from raytemplate.cli import completing
from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer


@click.command("rollback")
@click.argument("model", shell_complete=completing.models)
@click.option("--reason", default="", help="Why, kept in the ledger.")
@workspace_option
def command(model: str, reason: str, workspace: str | None) -> Answer:
    """Make the previous champion the champion again. MODEL is a name, or name/3 for a specific version."""
    from raytemplate import api

    move, warning = api.rollback(model, reason=reason, workspace=workspace)
    was = f" (was version {move.previous.version})" if move.previous else ""
    name = model.partition("/")[0].partition("@")[0]
    lines = [f"Rolled back: version {move.head.version} is the champion of {name} again{was}."]
    lines += [warning] if warning else []
    lines += _unloadable(name, workspace)
    data = {"model": name, "version": move.head.version, "term": move.head.term, "run": move.head.run_id,
            "previous_version": move.previous.version if move.previous else 0, "warning": warning}  # fmt: skip
    return Answer(kind="RolledBack", data=data, text="\n".join([*lines, f"  raytemplate show {name}"]))


def _unloadable(name: str, workspace: str | None) -> list[str]:
    """Why the champion, whose files were checked, cannot be loaded on this machine; that does not undo the rollback."""
    from raytemplate import api

    try:
        api.model(name, workspace=workspace)
    except Exception as error:  # whatever a family's library raises
        what = (str(error).splitlines() or [""])[0]
        return [f"It cannot be loaded here, though its files are those that were promoted: {what}"]
    return []
