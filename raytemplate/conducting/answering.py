"""The promoter of a team: answers the requests of a workspace, each once, in a process that loads no project code.

Two at once are harmless: one holds the lock, and what was decided before a crash is found in the ledger again.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from raytemplate.conducting.asked import ARGUMENTS, OF_RUNS, actor_of, journal_of, refuse_malformed
from raytemplate.conducting.promoting import Promoting
from raytemplate.conducting.recomputing import refuse_forged
from raytemplate.conducting.stating import keep_statement
from raytemplate.errors import (
    EXIT_DONE,
    ChampionMoved,
    Forbidden,
    RaytemplateError,
    Unavailable,
    UsageError,
    WorkedOn,
    from_words,
)
from raytemplate.execution import decide as deciding
from raytemplate.execution.artifacts import write_model_card
from raytemplate.execution.failure import rewrite_end
from raytemplate.execution.in_force import settings_in_force
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.execution.requests import is_team, read_request, team_tracking, unanswered, write_answer
from raytemplate.execution.resuming import working_on
from raytemplate.ledger import keys
from raytemplate.ledger.bodies import Promotion, Rollback
from raytemplate.ledger.decisions import check_decision
from raytemplate.ledger.events import body_of
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.opening import open_ledger
from raytemplate.plugins import bug
from raytemplate.records.codec import Settings
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
    key = keys.promoter().key.id
    with FileLock(workspace.locks / "promoter", wait_s):
        for name in unanswered(workspace):
            answered = _answer(workspace, name, key)
            if answered is not None:
                write_answer(workspace, answered[1])
                yield answered


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
        except RaytemplateError as error:
            print(f"requests are left waiting: {error.what}", file=sys.stderr)
        time.sleep(poll_s)


def _answer(workspace: Workspace, name: str, key: str) -> Answered | None:
    """A request with its answer; None if it has to wait. Whatever is wrong with one request, the others are answered.

    Args:
        key: id of the promoter's key.
    """
    now = datetime.now(UTC)
    request = PromoterRequest(id=name, do="", asked=Settings(), name="", at=now)
    plain = PromoterAnswer(request=name, exit_code=EXIT_DONE, at=now, key=key)
    try:
        request = read_request(workspace, name)
        return request, replace(plain, exit_code=_do(workspace, request))
    except Exception as error:  # an author can write anything into a request, and must be told what came of it
        told = error if isinstance(error, RaytemplateError) else bug(error)
    if _has_to_wait(workspace, request, told):
        print(f"{name} is left waiting: {told.what}", file=sys.stderr)
        return None
    return request, replace(plain, exit_code=told.exit_code, what=told.what, next_step=told.next_step)


def _do(workspace: Workspace, request: PromoterRequest) -> int:
    """Do what is asked. Returns the exit code that the command would have had."""
    refuse_malformed(request)
    journal = journal_of(workspace, request) if "run" in request.asked else None
    if request.do != "change_settings":
        settings_in_force(workspace)  # raises before figures are computed again for minutes
    if request.do not in OF_RUNS or journal is None:
        _act(workspace, request)
        return EXIT_DONE
    with working_on(journal):
        return _answer_for_run(workspace, request, journal)


def _has_to_wait(workspace: Workspace, request: PromoterRequest, error: RaytemplateError) -> bool:
    """Whether a request may succeed later as it is: something outside does not answer, the asking command still works
    on its run, or the settings are not settled, which is nobody's fault who asks."""
    return isinstance(error, Unavailable | WorkedOn) or (
        request.do in ARGUMENTS and request.do != "change_settings" and _is_unsettled(workspace)
    )


def _is_unsettled(workspace: Workspace) -> bool:
    try:
        settings_in_force(workspace)
    except RaytemplateError:
        return True
    return False


def _answer_for_run(workspace: Workspace, request: PromoterRequest, journal: Journal) -> int:
    """Act on a run; if that is refused, its record tells why."""
    try:
        return _act_on_run(workspace, request, journal)
    except RaytemplateError as error:
        if not _has_to_wait(workspace, request, error):
            _tell_refusal(journal, error)
        raise


def _promoting(workspace: Workspace) -> Promoting:
    return Promoting(workspace, [], tracking=team_tracking(workspace))


def _act(workspace: Workspace, request: PromoterRequest, **more: str) -> None:
    """Do what is asked, unless a promoter has done it already and was stopped before it answered.

    Args:
        more: arguments of the promoter's own.

    Raises:
        RaytemplateError: it failed or is refused.
    """
    asked, actor = dict(request.asked), actor_of(request)
    if request.do == "roll_back" and _is_done(open_ledger(workspace), str(asked["model"]), actor):
        return
    answer = _promoting(workspace).answer({**asked, **more, "do": request.do})
    if answer.get("error"):
        raise from_words(answer["error"], answer["what"], answer["next_step"])
    if request.do == "roll_back":
        _promoting(workspace).answer({"do": "project_model", "model": asked["model"]})


def _act_on_run(workspace: Workspace, request: PromoterRequest, journal: Journal) -> int:
    """Judge a run as asked, and bring its records to an end. With high risk, its figures are computed again before.
    Returns the exit code of the run."""
    plan, ledger, actor = read_lock(journal).plan, open_ledger(workspace), actor_of(request)
    if request.do == "decide":
        _check_asked(request, journal, ledger)
    if request.do == "promote" and _is_done(ledger, plan.name, actor, journal.run_id):
        deciding.decide(journal, plan, ledger, ContentStore(workspace.models), actor=actor)
    else:
        compared = {}
        if plan.govern.risk == "high" and plan.govern.promotable:
            compared = {"evaluation": refuse_forged(workspace, journal)}
        _act(workspace, request, **compared)
    rewrite_end(journal)
    write_model_card(journal, plan)
    keep_statement(journal, workspace, Listener())
    _promoting(workspace).answer({"do": "project", "run": journal.run_id})
    return ending(journal.read(PromotionRecord))[1]


def _check_asked(request: PromoterRequest, journal: Journal, ledger: Ledger) -> None:
    """Check that the person who started a run has signed that it asks to be judged, and with which candidate.

    Raises:
        ChampionMoved: the champion has moved since.
        IntegrityError: it is not signed, or says something else.
    """
    plan, fit = read_lock(journal).plan, journal.need(FitResult)
    term = ledger.history(plan.name).term
    expected = {"action": "judge", "model": plan.name, "run_id": journal.run_id, "digest": fit.candidate.digest}
    check_decision(replace(actor_of(request), said=request.said), ledger=ledger.keyring().ledger, **expected)
    if deciding.is_stale(journal, ledger, plan.name):
        raise ChampionMoved(
            f"the champion of {plan.name} has moved to term {term} since run {journal.run_id} was evaluated",
            next_step=f"raytemplate resume {journal.run_id}    # evaluates it again, without training",
        )


def _is_done(ledger: Ledger, model: str, actor: Actor, run: str = "") -> bool:
    """Whether the champion was moved, to a run's candidate if one is named, by exactly this person's envelope."""
    if actor.said is None:
        return False
    for event in ledger.events(model):
        body = body_of(event) if event.type in (Promotion.type, Rollback.type) else None
        if isinstance(body, Promotion | Rollback) and run in ("", body.run_id):
            said = body.actor.said
            if said is not None and said.envelope == actor.said.envelope:
                return True
    return False


def _tell_refusal(journal: Journal, error: RaytemplateError) -> None:
    record = journal.read(PromotionRecord)
    if record is not None and record.outcome == "asked":
        journal.write(replace(record, warning=error.what))
