"""`raytemplate lineage REF|FILE`"""

import json
from pathlib import Path

import click

from raytemplate.cli import completing
from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer


@click.command("lineage")
@click.argument("ref", metavar="REF|FILE", shell_complete=completing.lineage)
@click.option(
    "--statement",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write it as an in-toto statement, as JSON.",
)
@workspace_option
def command(ref: str, statement: Path | None, workspace: str | None) -> Answer:
    """Show what a model or a run was made from, which models have seen a file, folder or table, or which have taken a
    feature set such as features/NAME/3."""
    from raytemplate import api
    from raytemplate.reports.feature_set_shown import FeatureSetView
    from raytemplate.reports.lineage_shown import SeenBy
    from raytemplate.store.atomic import storage_errors, write_atomic
    from raytemplate.store.handed_out import refuse_records

    found = api.lineage(ref, workspace=workspace)
    if isinstance(found, FeatureSetView):
        if statement is not None:
            raise click.UsageError("--statement: a feature set has no run of its own; name its model")
        return Answer(kind="FeatureSet", data={"name": found.name, "set": found}, text=str(found))
    if isinstance(found, SeenBy):
        if statement is not None:
            raise click.UsageError("--statement: a file was not made by a run; name a model or a run")
        return Answer(kind="Seen", data={"path": found.path, "seen": found.seen}, text=str(found))
    made = api.statement(found.run_id, workspace=workspace)
    if statement is not None:
        with storage_errors(statement):
            refuse_records(statement)
            write_atomic(statement.absolute(), made)
    return Answer(kind="Lineage", data={"lineage": found, "statement": json.loads(made)}, text=str(found))
