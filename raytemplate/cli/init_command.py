"""`raytemplate init DIR`"""

from __future__ import annotations

from pathlib import Path

import click


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--example", type=click.Choice(["flights"]), default="flights", show_default=True, help="Which example.")
def command(folder: Path, example: str) -> int:
    """Make a folder with an example: its data and a commented template that runs."""
    from raytemplate.spec.examples import write_example

    template, files = write_example(folder, example)
    click.echo(f"{len(files)} files of data and {template.name} are in {folder}.")
    click.echo(
        f"  cd {folder}\n  raytemplate check {template.name}\n  raytemplate run {template.name} --as-of 2013-06-01"
    )
    return 0
