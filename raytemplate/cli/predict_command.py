"""`raytemplate predict MODEL IN OUT`"""

import click

from raytemplate.cli import completing
from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer


@click.command("predict")
@click.argument("model", shell_complete=completing.models)
@click.argument("input_pattern", metavar="IN")
@click.argument("output", metavar="OUT")
@workspace_option
def command(model: str, input_pattern: str, output: str, workspace: str | None) -> Answer:
    """Score rows without labels: IN is a file, folder or pattern; OUT ends in .parquet or .csv. Both may be s3://."""
    from raytemplate import api
    from raytemplate.units import count

    scored = api.predict(model, input_pattern, output, workspace=workspace)
    unknown = (
        f"; {count(scored.num_unknown, 'value')} of categories that the model has never seen"
        if scored.num_unknown
        else ""
    )
    text = f"{count(scored.num_rows, 'row')} scored by {scored.name} version {scored.version}{unknown}: {output}"
    text += f"\n{scored.left_out}" if scored.left_out else ""
    data = {"model": scored.name, "version": scored.version, "num_rows": scored.num_rows,
            "num_unknown": scored.num_unknown, "output": output,
            "left_out": scored.left_out}  # fmt: skip
    return Answer(kind="Predicted", data=data, text=text)
