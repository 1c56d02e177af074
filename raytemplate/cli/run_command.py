"""`raytemplate run FILE`"""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from raytemplate.cli.options import (
    address_option,
    as_of_option,
    load,
    no_reuse_option,
    set_option,
    variant_option,
    workspace_option,
)
from raytemplate.cli.output import Answer

if TYPE_CHECKING:
    from raytemplate.api import Planned, Run


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@set_option
@variant_option
@as_of_option
@address_option
@click.option(
    "--plan", "plan_file", type=click.Path(path_type=Path), metavar="FILE", help="Run a plan that plan --save wrote."
)
@click.option("--resume", "go_on", is_flag=True, help="Resume an unfinished run of the same plan, if there is one.")
@no_reuse_option
@workspace_option
def command(
    file: Path | None,
    sets: tuple[str, ...],
    variant: str | None,
    as_of: str,
    address: str | None,
    plan_file: Path | None,
    go_on: bool,
    no_reuse: bool,
    workspace: str | None,
) -> Answer:
    """Retrain as a template describes: ingest, fit, evaluate, govern, promote."""
    from raytemplate import api
    from raytemplate.cli.main import STARTED
    from raytemplate.cli.progress import listener
    from raytemplate.planning.addresses import refuse_jobs_api
    from raytemplate.reports.typed import command_tail

    what = f"--plan {quote(str(plan_file))}" if plan_file else quote(str(file))
    tail = command_tail(as_of, sets, variant, workspace, address, no_reuse=no_reuse)
    # Before planning, because planning queries the cluster.
    refuse_jobs_api(address or "", f"raytemplate submit {what} {tail}")
    planned = planned_from(file, sets, variant, as_of, address, plan_file, workspace, reuse=not no_reuse)
    heard = listener(planned.workspace.runs)
    earlier = api.unfinished(planned)
    if earlier is not None and go_on:
        return finish(
            api.resume(
                earlier.run_id,
                workspace=str(planned.workspace.folder),
                listener=heard,
                began=STARTED,
                own_process=True,
                reuse=not no_reuse,
            )
        )
    if earlier is not None:
        heard.note(
            f"Run {earlier.run_id} of this plan is unfinished; this is a new run with its own budget. To resume "
            f"that one instead:\n  raytemplate resume {earlier.run_id}\n"
        )
    return finish(api.run(planned, listener=heard, began=STARTED, own_process=True))


def planned_from(
    file: Path | None,
    sets: tuple[str, ...],
    variant: str | None,
    as_of: str,
    address: str | None,
    plan_file: Path | None,
    workspace: str | None,
    *,
    reuse: bool = True,
) -> Planned:
    """The plan that a command was given: a saved one, or one made from a template."""
    from raytemplate import api

    if plan_file is not None:
        if file is not None or sets or variant or as_of != "now":
            raise click.UsageError(
                "--plan runs exactly the plan in its file; give no FILE, --set, --variant or --as-of"
            )
        saved = api.read_plan(plan_file, workspace=workspace)
        plan = saved.plan if reuse and not address else replace(saved.plan, reuse=None)
        return replace(saved, plan=plan, address=address or "")
    if file is None:
        raise click.UsageError("give the template to run, such as: raytemplate run flights-air-time.yaml")
    return api.plan(load(file, sets, variant), as_of, workspace=workspace, address=address, reuse=reuse)


def finish(run: Run) -> Answer:
    """The result of a run."""
    from raytemplate.reports.verdict import closing, gate_table, metric_table
    from raytemplate.reports.wording import baseline_name

    plan, end = run.plan, run.end
    assert end is not None
    blocks = (
        "",
        metric_table(run.evaluation, baseline_name(plan.evaluate.baseline)) + "\n",
        gate_table(run.verdict) + "\n",
        closing(
            plan,
            run.verdict,
            run.promotion,
            run_id=run.id,
            champion_version=run.champion_version_after,
            wall_clock_s=end.wall_clock_s,
            cost_usd=end.cost_usd,
            records=os.path.relpath(run.journal.folder),
            champion_says=run.champion_that_fails,
        ),
    )
    return Answer(kind="Run", data=run_data(run), text="\n".join(blocks), code=end.exit_code)


def run_data(run: Run) -> dict[str, Any]:
    """The records of a run so far, for a program."""
    view = run.view()
    records = {field.name: getattr(view, field.name) for field in fields(view)}
    return {"run": run.id, "state": run.state, "folder": str(run.journal.folder), **records}
