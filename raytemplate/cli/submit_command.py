"""`raytemplate submit FILE`"""

from pathlib import Path

import click

from raytemplate.cli.options import as_of_option, set_option, variant_option, workspace_option
from raytemplate.cli.output import Answer


@click.command("submit")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@set_option
@variant_option
@as_of_option
@click.option("--address", required=True, metavar="URL", help="The cluster's Jobs API, such as http://head:8265.")
@click.option(
    "--plan", "plan_file", type=click.Path(path_type=Path), metavar="FILE", help="Send a plan that plan --save wrote."
)
@click.option("--detach", is_flag=True, help="Return as soon as the job is sent.")
@click.option("--key", default="", metavar="TEXT", help="Makes the same plan, sent twice, one job.")
@workspace_option
def command(
    file: Path | None,
    sets: tuple[str, ...],
    variant: str | None,
    as_of: str,
    address: str,
    plan_file: Path | None,
    detach: bool,
    key: str,
    workspace: str | None,
) -> Answer:
    """Retrain on a cluster: it ingests, fits and evaluates; the result is judged and promoted on this machine."""
    from raytemplate import api
    from raytemplate.cli.main import STARTED
    from raytemplate.cli.progress import listener
    from raytemplate.cli.run_command import finish, planned_from
    from raytemplate.planning.addresses import refuse_other_than_jobs_api

    refuse_other_than_jobs_api(address)
    planned = planned_from(file, sets, variant, as_of, address, plan_file, workspace)
    heard = listener(planned.workspace.runs)
    run = api.submit(planned, key=key, detach=detach, listener=heard, began=STARTED, own_process=True)
    if not detach:
        return finish(run)
    heard.note(f"Sent. To follow, judge and promote it:\n  raytemplate resume {run.id}")
    return Answer(kind="Submitted", data={"run": run.id, "address": address}, text=run.id)
