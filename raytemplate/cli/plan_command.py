"""`raytemplate plan FILE`"""

from pathlib import Path
from shlex import quote

import click

from raytemplate.cli.options import (
    address_option,
    as_of_option,
    load,
    no_reuse_option,
    refuse_no_file,
    tell_settings,
    template_options,
    workspace_option,
)
from raytemplate.cli.output import Answer


@click.command("plan")
@template_options
@as_of_option
@address_option
@no_reuse_option
@workspace_option
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="Write the plan, for run --plan.")
def command(
    file: Path,
    sets: tuple[str, ...],
    variant: str | None,
    as_of: str,
    address: str | None,
    no_reuse: bool,
    workspace: str | None,
    save: Path | None,
) -> Answer:
    """Show what a run would do: windows, stages, resources, time and cost. Starts nothing."""
    from raytemplate import api
    from raytemplate.planning.addresses import command_for
    from raytemplate.reports.explain import explain
    from raytemplate.reports.typed import command_tail

    if save is not None:
        refuse_no_file(save, "--save")
    planned = api.plan(load(file, sets, variant), as_of, workspace=workspace, address=address, reuse=not no_reuse)
    tell_settings(str(planned.workspace.folder))
    tail = command_tail(as_of, sets, variant, workspace, address, no_reuse=no_reuse)
    text = explain(planned.plan, file=str(file), command_tail=tail, address=address or "")
    if save is not None:
        api.save_plan(planned, save)
        there = f" --address {quote(address)}" if address else ""
        then = f"raytemplate {command_for(address or '')} --plan {quote(str(save))}{there}"
        text += f"\nSaved. To run exactly this plan:\n  {then}"
    data = {"plan": planned.plan, "seconds": planned.plan.forecast.seconds, "saved": str(save) if save else ""}
    return Answer(kind="Planned", data=data, text=text)
