"""`raytemplate plan FILE`"""

from __future__ import annotations

from pathlib import Path

import click

from raytemplate.cli.options import address_option, as_of_option, command_tail, load, template_options, workspace_option


@click.command("plan")
@template_options
@as_of_option
@address_option
@workspace_option
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="Write the plan, for run --plan.")
def command(
    file: Path, sets: tuple[str, ...], variant: str | None, as_of: str, address: str | None, workspace: str | None,
    save: Path | None,
) -> int:  # fmt: skip
    """Show what a run would do: windows, stages, resources, time and cost. Starts nothing."""
    from raytemplate import api
    from raytemplate.reports.explain import explain

    planned = api.plan(load(file, sets, variant), as_of, workspace=workspace, address=address)
    tail = command_tail(as_of, sets, variant, workspace, address)
    click.echo(explain(planned.plan, file=str(file), command_tail=tail))
    if save is not None:
        from raytemplate.records import codec
        from raytemplate.store.atomic import write_atomic

        write_atomic(save, codec.dumps(planned.plan))
        click.echo(f"Saved. To run exactly this plan:\n  raytemplate run --plan {save}")
    return 0
