"""`raytemplate promote RUN`"""

from __future__ import annotations

import click

from raytemplate.cli.options import workspace_option


@click.command("promote")
@click.argument("run")
@click.option("--reason", default="", help="Why, kept in the ledger.")
@workspace_option
def command(run: str, reason: str, workspace: str | None) -> int:
    """Judge a run's evidence again and make its candidate the champion, if no gate blocks."""
    from raytemplate import api
    from raytemplate.reports.verdict import gate_table, next_command, outcome_text

    promoted = api.promote(run, reason=reason, workspace=workspace)
    click.echo(gate_table(promoted.verdict) + "\n")
    click.echo(outcome_text(
        promoted.plan.name, promoted.verdict, promoted.promotion, champion_version=promoted.champion_version_after
    ))  # fmt: skip
    click.echo(next_command(promoted.plan.name, promoted.id, promoted.verdict, promoted.promotion))
    return promoted.exit_code
