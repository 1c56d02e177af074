"""The promoter of a team, which answers what commands have asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from raytemplate.api.workspaces import workspace_at, workspace_to_write

if TYPE_CHECKING:
    from raytemplate.conducting.answering import Answered
    from raytemplate.records.requested import PromoterAnswer, PromoterRequest

__all__ = ["answer_requests", "requests", "serve_promoter"]


def answer_requests(*, workspace: str | None = None) -> list[Answered]:
    """Answer every request that waits for a team's promoter, with this user's promoter key.

    Returns:
        Each request with its answer. What cannot be answered now is left waiting.

    Raises:
        Forbidden: the key is not one that the settings list.
        Unavailable: another promoter of this workspace is at work.
        UsageError: the workspace is in solo mode.
    """
    from raytemplate.conducting import answering

    found_in = workspace_to_write(workspace)
    answering.refuse_other_promoter(found_in)
    return list(answering.answer_requests(found_in))


def requests(*, workspace: str | None = None) -> tuple[tuple[PromoterRequest, PromoterAnswer | None], ...]:
    """What was asked of a team's promoter, oldest first, each with its answer or None. Nothing is answered or checked:
    what was decided is in the ledger.

    Raises:
        IntegrityError: the folder of requests is a link.
    """
    from raytemplate.execution.requests import asked_for

    return asked_for(workspace_at(workspace))


def serve_promoter(told: Callable[[Answered], None], *, workspace: str | None = None) -> None:
    """Answer requests as they come, until interrupted; otherwise as `answer_requests`.

    Args:
        told: called with each request and its answer.
    """
    from raytemplate.conducting import answering

    found_in = workspace_to_write(workspace)
    answering.refuse_other_promoter(found_in)
    answering.serve(found_in, told)
