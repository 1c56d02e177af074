"""`raytemplate promoter`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer

if TYPE_CHECKING:
    from raytemplate.records.requested import PromoterAnswer, PromoterRequest


@click.command("promoter")
@click.option("--once", is_flag=True, help="Answer what is waiting, then end.")
@click.option("--serve", is_flag=True, help="Answer requests as they come, every few seconds, until Ctrl-C.")
@workspace_option
def command(once: bool, serve: bool, workspace: str | None) -> Answer:
    """Team mode: judge and promote what commands have asked for, with this user's promoter key."""
    from raytemplate import api

    if once == serve:
        raise click.UsageError("give either --once or --serve")
    if serve:
        api.serve_promoter(lambda answered: click.echo(_line(*answered)), workspace=workspace)
    answers = api.answer_requests(workspace=workspace)
    lines = [_line(request, answer) for request, answer in answers]
    text = "\n".join([*(lines or ["Nothing is waiting."]), "  raytemplate ledger show"])
    return Answer(kind="Answers", data={"answers": [answer for _, answer in answers]}, text=text)


def _line(request: PromoterRequest, answer: PromoterAnswer) -> str:
    what = f"{request.do.replace('_', ' ')} {request.asked.get('run') or request.asked.get('model') or ''}".strip()
    done = f"refused: {answer.what}" if answer.what else "done"
    return f"{request.id}  {what} for {request.name}: {done} (exit {answer.exit_code})"
