"""`raytemplate doctor`"""

import click

from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer
from raytemplate.errors import Unavailable


@click.command("doctor")
@click.option("--no-ray", is_flag=True, help="Do not start Ray to see whether it starts.")
@workspace_option
def command(no_ray: bool, workspace: str | None) -> Answer:
    """Check what is installed, the machine, Ray and the workspace. Exit 8 if something keeps runs from working."""
    from raytemplate.api.doctor import doctor
    from raytemplate.reports.doctor_shown import doctor_text

    found = doctor(workspace=workspace, start_ray=not no_ray)
    bad = any(one.state == "bad" for one in found)
    return Answer(
        kind="Doctor", data={"findings": found}, text=doctor_text(found), code=Unavailable.exit_code if bad else 0
    )
