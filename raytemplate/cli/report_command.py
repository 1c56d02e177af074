"""`raytemplate report RUN`"""

from pathlib import Path

import click

from raytemplate.cli import completing
from raytemplate.cli.options import refuse_no_file, workspace_option
from raytemplate.cli.output import Answer


@click.command("report")
@click.argument("run", shell_complete=completing.runs)
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to write it (default: report-RUN.html)."
)
@workspace_option
def command(run: str, output: Path | None, workspace: str | None) -> Answer:
    """Write a run (id prefix or `last`) as one self-contained HTML page."""
    from raytemplate import api
    from raytemplate.store.atomic import write_atomic

    found = api.find(run, workspace=workspace)
    path = output or Path(f"report-{found.id}.html")
    refuse_no_file(path, "--output")
    page = api.report(found.id, workspace=workspace).encode()
    write_atomic(path, page)
    data = {"run": found.id, "model": found.plan.name, "path": str(path), "num_bytes": len(page)}
    return Answer(kind="Report", data=data, text=f"Run {found.id} of {found.plan.name}: {path}")
