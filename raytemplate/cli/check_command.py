"""`raytemplate check FILE`"""

from __future__ import annotations

from pathlib import Path

import click

from raytemplate.cli.options import load, template_options


@click.command("check")
@template_options
@click.option("--resolved", is_flag=True, help="Print the merged template with the place of every value.")
def command(file: Path, sets: tuple[str, ...], variant: str | None, resolved: bool) -> int:
    """Check a template: every problem, with its line. Reads no data and starts nothing."""
    spec = load(file, sets, variant)
    if resolved:
        from raytemplate.reports.resolved import resolved_text

        click.echo(resolved_text(spec))
        return 0
    click.echo(f"{spec.name} {spec.version}: no problems.\n  raytemplate plan {file}")
    return 0
