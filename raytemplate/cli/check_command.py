"""`raytemplate check FILE`"""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from raytemplate.cli.options import load, template_options
from raytemplate.cli.output import Answer

if TYPE_CHECKING:
    from raytemplate.spec.schema import TemplateSpec


@click.command("check")
@template_options
@click.option(
    "--resolved", is_flag=True, help="Print the merged template with the location of every value and its comment."
)
@click.option("--no-data", is_flag=True, help="Do not look at the data, for example if it cannot be reached from here.")
def command(file: Path, sets: tuple[str, ...], variant: str | None, resolved: bool, no_data: bool) -> Answer:
    """Check a template and report every problem with its line. Reads the columns of the data; starts nothing."""
    spec = load(file, sets, variant)
    if resolved:
        from raytemplate.reports.resolved import resolved_text

        locations = {path: origin.where for path, origin in spec.origins.items()}
        comments = {path: origin.comment for path, origin in spec.origins.items() if origin.comment}
        data = {"values": spec.resolved, "locations": locations, "comments": comments, "not_used": spec.dropped}
        return Answer(kind="Resolved", data=data, text=resolved_text(spec))
    from raytemplate.reports.typed import command_tail
    from raytemplate.spec.tracked import untracked_parents

    warnings = (*untracked_parents(file, str(file)), *(() if no_data else _of_data(spec)))
    said = {"name": spec.name, "version": spec.version, "file": str(file), "problems": (), "warnings": warnings}
    # The data may have ended long ago, so that a plan as of now would have no rows.
    tail = command_tail("latest" if spec.data.time else "now", sets, variant, None)
    after = f"  raytemplate plan {quote(str(file))}{f' {tail}' if tail else ''}"
    lines = [f"{spec.name} {spec.version}: no problems.", *warnings, after]
    return Answer(kind="Checked", data=said, text="\n".join(lines))


def _of_data(spec: TemplateSpec) -> tuple[str, ...]:
    from raytemplate.planning.glance import check_data  # imports Arrow, which takes longer than all the rest

    return check_data(spec)
