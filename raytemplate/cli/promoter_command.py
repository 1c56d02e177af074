"""`raytemplate promoter`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer

if TYPE_CHECKING:
    from raytemplate.records.requested import PromoterAnswer, PromoterRequest


_ABOUT = ("run", "model", "name", "key")
"""Arguments of a request that say what it is about."""


@click.command("promoter")
@click.option("--once", is_flag=True, help="Answer what is waiting, then end.")
@click.option("--serve", is_flag=True, help="Answer requests as they come, every few seconds, until Ctrl-C.")
@workspace_option
def command(once: bool, serve: bool, workspace: str | None) -> Answer:
    """Team mode: list what commands have asked for and what became of it.

    With --once or --serve, judge and promote what is waiting, with this user's promoter key.
    """
    from raytemplate import api

    if once and serve:
        raise click.UsageError("give either --once or --serve")
    if not once and not serve:
        return _listed(workspace)
    if serve:
        api.serve_promoter(lambda answered: click.echo(_line(*answered)), workspace=workspace)
    answers = api.answer_requests(workspace=workspace)
    lines = [_line(request, answer) for request, answer in answers]
    text = "\n".join([*(lines or ["Nothing is waiting."]), "  raytemplate ledger show"])
    return Answer(kind="Answers", data={"answers": [answer for _, answer in answers]}, text=text)


def _listed(workspace: str | None) -> Answer:
    from raytemplate import api

    found = api.requests(workspace=workspace)
    lines = [_line(request, answer) for request, answer in found] or ["Nothing was asked of a promoter."]
    is_waiting = any(answer is None for _, answer in found)
    following = "promoter --once    # where the promoter's key is" if is_waiting else "ledger show"
    data = {"requests": [{"request": request, "answer": answer} for request, answer in found]}
    return Answer(kind="Requests", data=data, text="\n".join([*lines, f"  raytemplate {following}"]))


def _line(request: PromoterRequest, answer: PromoterAnswer | None) -> str:
    about = next((request.asked[name] for name in _ABOUT if request.asked.get(name)), "")
    what = f"{request.do.replace('_', ' ')} {about}".strip()
    if answer is None:
        return f"{request.id}  {what} for {request.name}: waiting"
    done = "judged, not promoted" if answer.exit_code else "done"
    done = f"refused: {answer.what}" if answer.what else done
    return f"{request.id}  {what} for {request.name}: {done} (exit {answer.exit_code})"
