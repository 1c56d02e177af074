"""`raytemplate init DIR`"""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from raytemplate.cli.output import Answer


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--example", type=click.Choice(["flights"]), default="flights", show_default=True, help="Which example.")
def command(folder: Path, example: str) -> Answer:
    """Make a folder with an example: its data and a commented template that runs."""
    from raytemplate.spec.examples import write_example

    template, files = write_example(folder, example)
    lines = (
        f"{len(files)} files of data and {template.name} are in {folder}.",
        f"  cd {quote(str(folder))}",
        f"  raytemplate check {template.name}",
        f"  raytemplate run {template.name} --as-of 2013-06-01",
    )
    data = {"folder": str(folder), "template": str(template), "files": tuple(map(str, files))}
    return Answer(kind="Example", data=data, text="\n".join(lines))
