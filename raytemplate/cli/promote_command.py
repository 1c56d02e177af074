"""`raytemplate promote RUN`"""

import click

from raytemplate.cli import completing
from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer


@click.command("promote")
@click.argument("run", shell_complete=completing.runs)
@click.option("--reason", default="", help="Why, kept in the ledger; required if a gate holds.")
@workspace_option
def command(run: str, reason: str, workspace: str | None) -> Answer:
    """Judge a run's evidence again and make its candidate the champion, if no gate blocks."""
    from raytemplate import api
    from raytemplate.cli.run_command import run_data
    from raytemplate.reports.verdict import gate_table, next_command, outcome_text

    before = api.find(run, workspace=workspace).promotion
    promoted = api.promote(run, reason=reason, workspace=workspace)
    name, verdict, promotion = promoted.plan.name, promoted.verdict, promoted.promotion
    if before and promotion and before.outcome == "promoted" and before.term == promotion.term:
        text = f"Version {promotion.version} is the champion of {name} already; nothing was promoted.\n"
        return Answer(kind="Run", data=run_data(promoted), text=f"{text}  raytemplate show {name}")
    outcome = outcome_text(name, verdict, promotion, champion_version=promoted.champion_version_after)
    text = f"{gate_table(verdict)}\n\n{outcome}\n{next_command(name, promoted.id, verdict, promotion)}"
    return Answer(kind="Run", data=run_data(promoted), text=text, code=promoted.exit_code)
