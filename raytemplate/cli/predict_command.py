"""`raytemplate predict MODEL IN OUT`"""

from __future__ import annotations

from pathlib import Path

import click

from raytemplate.cli.options import workspace_option


@click.command("predict")
@click.argument("model")
@click.argument("input_pattern", metavar="IN")
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path))
@workspace_option
def command(model: str, input_pattern: str, output: Path, workspace: str | None) -> int:
    """Score rows without labels: IN is a file, folder or pattern; OUT ends in .parquet or .csv."""
    from raytemplate import api

    scored = api.predict(model, input_pattern, output, workspace=workspace)
    unknown = f"; {scored.num_unknown:,} categories the model has never seen" if scored.num_unknown else ""
    click.echo(f"{scored.num_rows:,} rows scored by {scored.name} version {scored.version}{unknown}: {output}")
    return 0
