"""Requests to a team's promoter: a file each in the workspace, and one for each answer.

A person's request carries the decision as the person signed it. A run that ends signs that it asks to be judged, which
approves nothing: the promoter judges the same records by the same gates.
"""

import errno
import os
import re
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from raytemplate.errors import IntegrityError, RaytemplateError, WaitingForPromoter
from raytemplate.execution.decide import evidence_from
from raytemplate.execution.journal import Journal
from raytemplate.governance.gates.gate import build_gates
from raytemplate.governance.judge import judge
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.opening import found_ledger
from raytemplate.planning.stages import RunPlan
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import FitResult
from raytemplate.records.judged import Actor, Held, Rejected, Said, Verdict, VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.requested import PromoterAnswer, PromoterRequest
from raytemplate.store.atomic import storage_errors, write_atomic, write_first
from raytemplate.store.workspace import Workspace

_TRACKING = "MLFLOW_TRACKING_URI"
_REQUEST, _ANSWER = ".request.json", ".answer.json"
_NAME = re.compile(rf"([0-9a-z-]+){re.escape(_REQUEST)}")
"""Names of the files that commands write; nothing else in the folder is a request."""
_MOST_BYTES = 1 << 20


def is_team(workspace: Workspace) -> bool:
    """Whether the settings in force leave decisions to a team's promoter. A ledger that cannot be read says no here:
    whatever decides is then stopped by it."""
    try:
        return found_ledger(workspace, ()).newest()[1].settings.mode == "team"
    except RaytemplateError:
        return False


def team_tracking(workspace: Workspace) -> str | None:
    """MLflow's tracking URI in team mode, "" for the workspace's own database: as this process's environment has it,
    since a run's record is its author's, and may name a server, or a secret of this process, to which a promoter must
    not be led. None in solo mode.
    """
    return os.environ.get(_TRACKING, "") if is_team(workspace) else None


def write_request(
    workspace: Workspace, do: str, asked: Mapping[str, Any], *, name: str, said: Said | None = None
) -> PromoterRequest:
    """Write down what is asked of the promoter.

    Args:
        do: the promoter's method.
        asked: its arguments.
        name: who asks.
        said: for a run that asks to be judged: that, signed.
    """
    now = datetime.now(UTC)
    request = PromoterRequest(
        id=f"{now:%Y%m%d-%H%M%S-%f}-{secrets.token_hex(2)}",
        do=do,
        asked=Settings(codec.encode(dict(asked))),
        name=name,
        at=now,
        said=said,
    )
    with storage_errors(workspace.requests):
        workspace.requests.mkdir(parents=True, exist_ok=True)
    write_atomic(workspace.requests / f"{request.id}{_REQUEST}", codec.dumps(request))
    return request


def waiting(request: PromoterRequest, again: str) -> WaitingForPromoter:
    """What the person is told who asked.

    Args:
        again: the command that asked.
    """
    return WaitingForPromoter(
        f"waiting for the promoter: {again.removeprefix('raytemplate ')} is request {request.id}, signed as "
        f"{request.name}; nothing is decided yet",
        next_step="raytemplate promoter    # lists requests and answers; --once answers, where the promoter's key is",
    )


def asked_for(workspace: Workspace) -> tuple[tuple[PromoterRequest, PromoterAnswer | None], ...]:
    """Every request that can be read, oldest first, with its answer if it has one.

    Raises:
        IntegrityError: see `unanswered`.
    """
    found: list[tuple[PromoterRequest, PromoterAnswer | None]] = []
    for name in _names(workspace):
        with suppress(IntegrityError):  # a promoter refuses it by its name
            path, request = answer_file(workspace, name), read_request(workspace, name)
            answer = codec.loads(PromoterAnswer, path.read_bytes(), where=str(path)) if path.exists() else None
            found.append((request, answer))
    return tuple(found)


def unanswered(workspace: Workspace) -> tuple[str, ...]:
    """The ids of requests that have no answer, oldest first, by the names of their files.

    Raises:
        IntegrityError: the folder is a link, through which answers would be written elsewhere.
    """
    return tuple(one for one in _names(workspace) if not os.path.lexists(answer_file(workspace, one)))


def _names(workspace: Workspace) -> list[str]:
    folder = workspace.requests
    if folder.is_symlink():
        raise IntegrityError(f"{folder}: is a link, and no folder of requests", next_step=f"rm {folder}")
    with storage_errors(folder, doing="read"):
        found = [match[1] for name in os.listdir(folder) if (match := _NAME.fullmatch(name))] if folder.exists() else []
    return sorted(found)


def read_request(workspace: Workspace, name: str) -> PromoterRequest:
    """The request with this id. Anybody who writes the workspace can have put it there.

    Raises:
        IntegrityError: it is no plain file, too large, no request, or says that it has another id.
    """
    path = workspace.requests / f"{name}{_REQUEST}"
    data = _plain_bytes(path)
    if data is None or len(data) > _MOST_BYTES:
        raise IntegrityError(f"{path}: {'no plain file' if data is None else 'larger than 1 MiB'}, so it is no request")
    request = codec.loads(PromoterRequest, data, where=str(path))
    if request.id != name:
        raise IntegrityError(f"{path}: says that it is request {request.id!r}")
    return request


def _plain_bytes(path: Path) -> bytes | None:
    """The first bytes of a file; None if it is a link, a folder, a pipe or a socket."""
    with storage_errors(path, doing="read"):
        try:
            # O_NONBLOCK, so that a named pipe does not stop the promoter.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                return None
            raise
        try:
            plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
            return os.read(descriptor, _MOST_BYTES + 1) if plain else None
        finally:
            os.close(descriptor)


def write_answer(workspace: Workspace, answer: PromoterAnswer) -> None:
    """Keep the answer to a request; the first one stands."""
    write_first(answer_file(workspace, answer.request), codec.dumps(answer))


def answer_file(workspace: Workspace, request: str) -> Path:
    """The file of a request's answer."""
    return workspace.requests / f"{request}{_ANSWER}"


def foresee(journal: Journal, plan: RunPlan, ledger: Ledger, actor: Actor) -> Verdict:
    """The verdict as the promoter will find it, unless what was judged before changes it."""
    digest = journal.need(FitResult).candidate.digest
    return judge(
        build_gates(plan.govern.gates),
        evidence_from(journal),
        promotion=plan.govern.promotion,
        actor=actor,
        waivers=ledger.waivers(plan.name, run_id=journal.run_id, digest=digest),
        now=ledger.now(),
    )


def is_asked_for(plan: RunPlan, verdict: Verdict) -> bool:
    """Whether the promoter is asked to judge: not a candidate that a gate blocks, or that is for show."""
    return plan.govern.promotable and not isinstance(verdict, Rejected)


def keep_foreseen(journal: Journal, plan: RunPlan, verdict: Verdict) -> None:
    """Keep what was foreseen as the run's verdict, until the promoter has judged."""
    fit, now = journal.need(FitResult), datetime.now(UTC)
    if is_asked_for(plan, verdict) and not isinstance(verdict, Held):
        verdict = Held(findings=verdict.findings, waivers=verdict.waivers)
    journal.write(VerdictRecord(verdict=verdict, at=now, candidate_digest=fit.candidate.digest))
    if is_asked_for(plan, verdict) or not plan.govern.promotable:
        journal.write(_asked_record(plan, fit, now))


def _asked_record(plan: RunPlan, fit: FitResult, at: datetime) -> PromotionRecord:
    """The record of a candidate that waits for the promoter, or that was made for show."""
    return PromotionRecord(
        outcome="asked" if plan.govern.promotable else "shown",
        model=plan.name,
        version=0,
        digest=fit.candidate.digest,
        term=0,
        previous_version=0,
        at=at,
        projected=False,
        variant="" if plan.govern.promotable else plan.variant,
    )
