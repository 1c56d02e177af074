"""`raytemplate show REF`"""

import click

from raytemplate.cli import completing
from raytemplate.cli.options import tell_settings, workspace_option
from raytemplate.cli.output import Answer


@click.command("show")
@click.argument("ref", shell_complete=completing.references)
@click.option("--trials", is_flag=True, help="For a run with a sweep: its trials, best first.")
@click.option("--config", is_flag=True, help="For a run with a sweep: a template with the winner's values.")
@click.option("--check", is_flag=True, help="For a model: ask MLflow too, on a server as well, and hash its files.")
@workspace_option
def command(ref: str, trials: bool, config: bool, check: bool, workspace: str | None) -> Answer:
    """Show a run (id prefix or `last`), a model (name), or one of its versions (name/3, name@champion)."""
    from raytemplate import api

    if trials and config:
        raise click.UsageError("--trials and --config: ask for one of them")
    if trials:
        found_trials = api.trials(ref, workspace=workspace)
        return Answer(
            kind="Trials", data={"trials": found_trials.trials, "best": found_trials.best}, text=str(found_trials)
        )
    if config:
        text = api.winning_template(ref, workspace=workspace)
        return Answer(kind="Template", data={"template": text}, text=text.rstrip())
    from raytemplate.cli.run_command import run_data
    from raytemplate.history.runs import Run
    from raytemplate.reports.version_shown import VersionView

    found = api.show(ref, check=check, workspace=workspace)
    tell_settings(workspace)
    if isinstance(found, Run):
        return Answer(kind="Run", data=run_data(found), text=str(found))
    if isinstance(found, VersionView):
        return Answer(
            kind="Version", data={"version": found.version, "reigns": found.reigns, "run": found.run}, text=str(found)
        )
    data = {"model": found.model, "overdue": found.model.overdue(found.now), "events": found.events,
            "runs": found.runs, "gates": found.gates, "service": found.service}  # fmt: skip
    return Answer(kind="Model", data=data, text=str(found))
