"""The promoter of a team: answers the requests of a workspace, each once, in a process that loads no code of a project.

Two at once are harmless: one holds the lock, and what was decided before a crash is found in the ledger again.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from raytemplate.conducting.promoting import Promoting
from raytemplate.conducting.recomputing import refuse_forged
from raytemplate.conducting.stating import keep_statement
from raytemplate.errors import (
    EXIT_DONE,
    ChampionMoved,
    Forbidden,
    IntegrityError,
    RaytemplateError,
    Unavailable,
    UsageError,
    from_words,
)
from raytemplate.execution import decide as deciding
from raytemplate.execution.artifacts import write_model_card
from raytemplate.execution.failure import rewrite_end
from raytemplate.execution.in_force import settings_in_force
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.execution.requests import is_team, unanswered, write_answer
from raytemplate.execution.resuming import working_on
from raytemplate.ledger import keys
from raytemplate.ledger.decisions import check_decision
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.opening import open_ledger
from raytemplate.records.codec import canonical, decode
from raytemplate.records.fitted import FitResult
from raytemplate.records.judged import Actor
from raytemplate.records.promoted import PromotionRecord, ending
from raytemplate.records.requested import PromoterAnswer, PromoterRequest
from raytemplate.reports.listener import Listener
from raytemplate.store.content_store import ContentStore
from raytemplate.store.locks import FileLock
from raytemplate.store.workspace import Workspace

Answered = tuple[PromoterRequest, PromoterAnswer]
"""A request with its answer."""
POLL_S = 3.0
"""Seconds between looks for requests."""
_OF_RUNS = ("decide", "promote")
_ASKED = (*_OF_RUNS, "change_settings", "mark_snapshot", "revoke_key", "roll_back", "waive")
"""What may be asked for by a request: each of them checks what a person has signed."""
_WAIT_S = 60.0


def refuse_other_promoter(workspace: Workspace) -> None:
    """Refuse to answer without a key that the settings list: the ledger would take nothing that it signs.

    Raises:
        Forbidden: the key of this user is not listed.
        UsageError: the workspace is in solo mode.
    """
    ring = open_ledger(workspace).keyring()
    if ring.settings.mode != "team":
        raise UsageError(
            f"{workspace.folder} is in solo mode: each command promotes by itself, and there is nothing to answer",
            next_step='mode: team in governance.yaml, then raytemplate ledger settings governance.yaml --reason "..."',
        )
    if refusal := ring.unlisted(keys.promoter().key, "promoter"):
        raise Forbidden(refusal, next_step="raytemplate promoter --once    # where a listed key is")


def refuse_to_mend(workspace: Workspace) -> None:
    """Refuse to write MLflow's copy or the ledger as a person who is not the team's promoter. Solo, anybody may.

    Raises:
        Forbidden: the key of this user is not listed.
    """
    if is_team(workspace):
        refuse_other_promoter(workspace)


def answer_requests(
    workspace: Workspace, *, wait_s: float = _WAIT_S
) -> Iterator[tuple[PromoterRequest, PromoterAnswer]]:
    """Answer what is waiting, oldest first. What cannot be answered now, because something outside does not answer or
    the asking command still works on its run, is left waiting.

    Args:
        wait_s: seconds to wait for another promoter of this workspace.

    Raises:
        Unavailable: another promoter is at work; or a ledger that cannot be reached, with nothing lost.
    """
    with FileLock(workspace.locks / "promoter", wait_s):
        for request in tuple(unanswered(workspace)):
            answer = _answer(workspace, request)
            if answer is not None:
                write_answer(workspace, answer)
                yield request, answer


def serve(workspace: Workspace, told: Callable[[Answered], None], *, poll_s: float = POLL_S) -> None:
    """Answer requests as they come, until interrupted.

    Args:
        told: called with each request and its answer.
        poll_s: seconds between looks.
    """
    while True:
        try:
            for answered in answer_requests(workspace, wait_s=0.0):
                told(answered)
        except Unavailable:
            pass  # another promoter is at work, or the ledger is out of reach: requests wait, and nothing is lost
        time.sleep(poll_s)


def _answer(workspace: Workspace, request: PromoterRequest) -> PromoterAnswer | None:
    """The answer to a request; None if it has to wait."""
    plain = PromoterAnswer(request=request.id, exit_code=EXIT_DONE, at=datetime.now(UTC), key=keys.promoter().key.id)
    try:
        if request.do not in _ASKED:
            raise UsageError(f"request {request.id}: a promoter does nothing such as {request.do!r}")
        if request.do not in _OF_RUNS:
            _act(workspace, request)
            return plain
        journal = _journal(workspace, request)
        with working_on(journal):
            return replace(plain, exit_code=_answer_for_run(workspace, request, journal))
    except RaytemplateError as error:
        if isinstance(error, Unavailable) or "is being worked on by another process" in error.what:
            print(f"{request.id} is left waiting: {error.what}", file=sys.stderr)
            return None
        return replace(plain, exit_code=error.exit_code, what=error.what, next_step=error.next_step)


def _answer_for_run(workspace: Workspace, request: PromoterRequest, journal: Journal) -> int:
    """Act on a run; if that is refused, its record tells why."""
    try:
        return _act_on_run(workspace, request, journal)
    except RaytemplateError as error:
        if not isinstance(error, Unavailable):
            _tell_refusal(journal, error)
        raise


def _act(workspace: Workspace, request: PromoterRequest) -> dict[str, Any]:
    """Do what is asked, unless a promoter has done it already and was stopped before it answered.

    Raises:
        RaytemplateError: it failed or is refused.
    """
    ledger, asked = open_ledger(workspace), dict(request.asked)
    if request.do == "roll_back" and _is_done(ledger, asked):
        return {}
    answer = Promoting(workspace, []).answer({"do": request.do, **asked})
    if answer.get("error"):
        raise from_words(answer["error"], answer["what"], answer["next_step"])
    if request.do == "roll_back":
        Promoting(workspace, []).answer({"do": "project_model", "model": asked["model"]})
    return answer


def _act_on_run(workspace: Workspace, request: PromoterRequest, journal: Journal) -> int:
    """Judge a run as asked, and bring its records to an end. With high risk, its figures are computed again before.
    Returns the exit code of the run."""
    plan, ledger, asked = read_lock(journal).plan, open_ledger(workspace), dict(request.asked)
    if request.do == "decide":
        _check_asked(request, journal, ledger)
    done = request.do == "promote" and _is_done(ledger, {**asked, "model": plan.name})
    if plan.govern.risk == "high" and plan.govern.promotable and not done:
        refuse_forged(workspace, journal)
    if done:
        settings_in_force(workspace)
        actor: Actor = decode(Actor, asked["actor"])
        deciding.decide(journal, plan, ledger, ContentStore(workspace.models), actor=actor)
    else:
        _act(workspace, request)
    rewrite_end(journal)
    write_model_card(journal, plan)
    keep_statement(journal, workspace, Listener())
    Promoting(workspace, []).answer({"do": "project", "run": journal.run_id})
    return ending(journal.read(PromotionRecord))[1]


def _journal(workspace: Workspace, request: PromoterRequest) -> Journal:
    run = str(request.asked.get("run", ""))
    if not run.isalnum() or not (workspace.runs / run).is_dir():
        raise UsageError(f"request {request.id}: no run {run!r} in {workspace.runs}")
    return Journal(workspace.runs / run)


def _check_asked(request: PromoterRequest, journal: Journal, ledger: Ledger) -> None:
    """Check that the person who started a run has signed that it asks to be judged, and with which candidate.

    Raises:
        ChampionMoved: the champion has moved since.
        IntegrityError: it is not signed, or says something else.
    """
    plan, fit = read_lock(journal).plan, journal.need(FitResult)
    term = ledger.history(plan.name).term
    actor: Actor = decode(Actor, request.asked["actor"])
    if not actor.automatic:
        raise IntegrityError(f"request {request.id}: asks to judge, in a person's name")
    expected = {"action": "judge", "model": plan.name, "run_id": journal.run_id, "digest": fit.candidate.digest}
    check_decision(replace(actor, said=request.said), ledger=ledger.keyring().ledger, **expected)
    if deciding.is_stale(journal, ledger, plan.name):
        raise ChampionMoved(
            f"the champion of {plan.name} has moved to term {term} since run {journal.run_id} was evaluated",
            next_step=f"raytemplate resume {journal.run_id}    # evaluates it again, without training",
        )


def _is_done(ledger: Ledger, asked: dict[str, Any]) -> bool:
    """Whether the ledger has an event with exactly this envelope."""
    said = asked["actor"].get("said")
    envelope = canonical(said["envelope"]) if said else ""
    return bool(envelope) and any(envelope in event.body for event in ledger.events(str(asked["model"])))


def _tell_refusal(journal: Journal, error: RaytemplateError) -> None:
    record = journal.read(PromotionRecord)
    if record is not None and record.outcome == "asked":
        journal.write(replace(record, warning=error.what))
