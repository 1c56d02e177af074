"""The promoter as a command sees it: a separate process, the only one that judges records and moves heads.

That holds whether a run, a person or a program asks (docs/decisions/0002). `promoting` is the process's own side.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from select import select
from types import TracebackType
from typing import Any

from raytemplate.conducting.restoring import signed
from raytemplate.errors import EngineError, IntegrityError, Interrupted, from_words
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.execution.requests import foresee, is_asked_for, is_team, keep_foreseen, waiting, write_request
from raytemplate.execution.waiving import new_waiver
from raytemplate.ledger import keys
from raytemplate.ledger.bodies import KeyRevoked, content_of
from raytemplate.ledger.decisions import Action, Decision, new_nonce, said
from raytemplate.ledger.head import Move
from raytemplate.ledger.keyring import KnownKey
from raytemplate.ledger.opening import open_ledger
from raytemplate.ledger.refusals import one_key
from raytemplate.ledger.restoring import Found
from raytemplate.ledger.settings import change_to
from raytemplate.ledger.snapshots import mark_of
from raytemplate.ledger.terms import term_now
from raytemplate.records.codec import decode, encode
from raytemplate.records.fitted import FitResult
from raytemplate.records.governed import GovernanceSettings
from raytemplate.records.judged import Actor
from raytemplate.records.marked import MarkKind
from raytemplate.records.mended import Mended, Restoration
from raytemplate.records.promoted import PromotionRecord
from raytemplate.store.workspace import Workspace

_END_S, _LEAST_S = 5.0, 0.2
_OF_SWEEPS = ("raytemplate.reports.page", "raytemplate.tuning.ped_anova")
"""What takes long to import for the report of a sweep."""
_VERBS: dict[MarkKind, str] = {"frozen": "freeze", "revoked": "revoke"}
_NO_ANSWER = "MLflow did not answer within the time of the run; raytemplate resume {run} brings it in line"


class NoPromoter:
    """The promoter where nothing may be judged: on a cluster, and when a run is made again."""

    def decide(self, journal: Journal) -> None:
        """See `execution.ports.Promoter`; always refuses."""
        raise IntegrityError(f"run {journal.run_id}: nothing is judged here")

    def copy_trials(self, journal: Journal) -> None:
        """See `execution.ports.Promoter`; does nothing, since nothing is copied from here."""

    def project(self, journal: Journal, within_s: float | None = None) -> None:
        """See `execution.ports.Promoter`; always refuses."""
        self.decide(journal)


class PromoterProcess:
    """The process, as a context manager that ends it, at once after Ctrl-C.

    In team mode there is none: what would be decided is asked of the team's promoter; see `execution.requests`.

    Args:
        uri: MLflow's tracking URI, to be opened during training, before the first request; None to open it when needed.
        searched: also import what the report of a sweep needs, before the first request.
        log: file for the process's stderr.
        name: the person who asks, for the ledger's events.
        mends: nobody is asked, in team mode either, since this user is the promoter, who mends what only a promoter may
            write; see `answering.refuse_to_mend`.
    """

    def __init__(
        self,
        workspace: Workspace,
        uri: str | None,
        log: Path,
        name: str,
        *,
        searched: bool = False,
        mends: bool = False,
    ) -> None:
        self._workspace, self._name, self._log = workspace, name, log
        self._team = not mends and is_team(workspace)
        self._process: subprocess.Popen[str] | None = None
        if not self._team:
            self._process = self._started([] if uri is None else [uri, *(_OF_SWEEPS if searched else ())])

    def _started(self, ahead: Sequence[str]) -> subprocess.Popen[str]:
        with self._log.open("ab") as sink:
            # -P, so that a project's module in this folder cannot shadow one of ours. In a session of its own, so that
            # Ctrl-C in the terminal does not end it during a promotion. With a copy of the environment, because Ray may
            # change it meanwhile in another thread, which once made exec fail with EFAULT.
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "raytemplate.conducting.promoting", str(self._workspace.folder), *ahead],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                start_new_session=True,
                text=True,
                env=dict(os.environ),
            )

    def __enter__(self) -> PromoterProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt | Interrupted):
            self.kill()
        self.close()

    def decide(self, journal: Journal) -> None:
        """See `execution.ports.Promoter`."""
        actor = Actor(name=self._name, automatic=True)
        if self._team:
            self._ask_to_judge(journal, actor)
            return
        self._ask("decide", f"raytemplate resume {journal.run_id}", run=journal.run_id, actor=actor)

    def copy_trials(self, journal: Journal) -> None:
        """See `execution.ports.Promoter`. The process does not answer this request, since it may not be ready yet."""
        if self._team:
            return  # the promoter does, once it has decided
        with suppress(OSError):  # it has ended, which the next request reports
            self._send("copy_trials", run=journal.run_id)

    def project(self, journal: Journal, within_s: float | None = None) -> None:
        """See `execution.ports.Promoter`. A process that does not answer in time is ended."""
        if self._team:
            return  # the promoter does, once it has decided
        try:
            self._ask("project", f"raytemplate resume {journal.run_id}", within_s, run=journal.run_id)
        except TimeoutError:
            self.kill()
            record = journal.read(PromotionRecord)
            if record is not None and not record.projected:
                journal.write(replace(record, warning=_NO_ANSWER.format(run=journal.run_id)))

    def promote(self, journal: Journal, reason: str) -> None:
        """Judge a run's evidence again and promote its candidate, as the person who asks allows.

        Raises:
            ChampionMoved, IntegrityError, UsageError: see `execution.decide.promote`.
        """
        fit, model = journal.read(FitResult), read_lock(journal).plan.name
        actor = self._signed(
            "promote", model, reason, run_id=journal.run_id, version=0, digest=fit.candidate.digest if fit else ""
        )
        self._ask("promote", f"raytemplate promote {journal.run_id}", run=journal.run_id, actor=actor)

    def roll_back(self, model: str, version: int | None, reason: str) -> tuple[Move, str]:
        """Make an earlier champion the champion again. Returns the move, and a warning about the ledger or "".

        Raises:
            ChampionMoved, IntegrityError, UsageError: see `execution.decide.roll_back`.
        """
        to = open_ledger(self._workspace).rollback_target(model, version)
        actor = self._signed("rollback", model, reason, run_id=to.run_id, version=to.version, digest=to.digest)
        asked: dict[str, Any] = {"model": model, "version": version, "actor": actor}
        answer = self._ask("roll_back", f"raytemplate rollback {model}", **asked)
        return decode(Move, answer["move"]), str(answer["warning"])

    def revoke_key(self, key: str, reason: str) -> tuple[KnownKey, str]:
        """Let a key of the ledger sign nothing from now on. Returns it, and a warning or "".

        Raises:
            IntegrityError, UsageError: see `Ledger.revoke`.
        """
        known = one_key(open_ledger(self._workspace).keyring(), key)
        body = KeyRevoked(key=known.key.id, actor=Actor(name=self._name, reason=reason))
        actor = self._signed(body.type, "", reason, content=content_of(body))
        answer = self._ask("revoke_key", f"raytemplate identity revoke {key}", key=body.key, actor=actor)
        return decode(KnownKey, answer["key"]), str(answer["warning"])

    def waive(self, journal: Journal, gate: str, expires: datetime, reason: str) -> str:
        """Except a run's candidate from a gate, for a time. Returns a warning or "".

        Raises:
            ChampionMoved, IntegrityError, Refused, UsageError: see `execution.waiving.new_waiver` and `Ledger.record`.
        """
        plan, person = read_lock(journal).plan, Actor(name=self._name, reason=reason)
        body = new_waiver(journal, plan, open_ledger(self._workspace), gate, expires, person)
        actor = self._signed(body.type, plan.name, reason, content=content_of(body))
        asked: dict[str, Any] = {"run": journal.run_id, "gate": gate, "expires": expires, "actor": actor}
        return str(self._ask("waive", f"raytemplate waive {journal.run_id} {gate}", **asked)["warning"])

    def mark_snapshot(self, kind: MarkKind, snapshot: str, name: str, kept: str, reason: str) -> str:
        """Freeze or revoke a snapshot. Returns a warning or "".

        Args:
            snapshot: its digest.
            name: its short name.
            kept: digest of the copy of its rows; "" if none was kept.

        Raises:
            IntegrityError: see `Ledger.record`.
        """
        body = mark_of(kind, snapshot, name, kept, Actor(name=self._name, reason=reason))
        asked: dict[str, Any] = {"kind": kind, "snapshot": snapshot, "name": name, "kept": kept}
        asked["actor"] = self._signed(body.type, "", reason, content=content_of(body))
        return str(self._ask("mark_snapshot", f"raytemplate snapshot {_VERBS[kind]} {name}", **asked)["warning"])

    def change_settings(self, settings: GovernanceSettings, reason: str) -> tuple[int, str]:
        """Put settings of governance in force. Returns the number of the event, and a warning or "".

        Raises:
            Forbidden, IntegrityError, UsageError: see `promoting.Promoting.change_settings`.
        """
        body = change_to(settings, Actor(name=self._name, reason=reason))
        actor = self._signed(body.type, "", reason, content=content_of(body))
        again = 'raytemplate ledger settings governance.yaml --reason "..."'
        answer = self._ask("change_settings", again, settings=settings, actor=actor)
        return int(answer["event"]), str(answer["warning"])

    def project_model(self, model: str) -> str:
        """Bring MLflow's copy of a model in line. Returns a warning if that failed, otherwise ""."""
        if self._team:
            return ""
        return str(self._ask("project_model", f"raytemplate show {model}", model=model)["warning"])

    def repair(self, model: str) -> Mended:
        """Bring MLflow's copy of a model and of its runs in line; a failure is reported, not raised."""
        return decode(Mended, self._ask("repair", "raytemplate ledger repair", model=model)["mended"])

    def restore(self, file: Path, found: Found, reason: str) -> Restoration:
        """Put a copy in place of the ledger; of an older one, the person signs what is lost.

        Raises:
            IntegrityError: see `conducting.restoring.restore`.
        """
        asked: dict[str, Any] = {"file": str(file.absolute()), "actor": signed(found, self._name, reason)}
        return decode(Restoration, self._ask("restore", f"raytemplate ledger restore {file}", **asked)["restoration"])

    def close(self) -> None:
        """Wait until the process has ended, which it does when its input is closed; kill it if it takes too long."""
        self.leave()
        if self._process is None:
            return
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the process at once. A promotion is one transaction: it has happened or it has not."""
        if self._process is not None:
            self._process.kill()

    def leave(self) -> None:
        """Let the process end by itself, without waiting for it."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it has ended already, before its last request was written
                self._process.stdin.close()

    def _ask_to_judge(self, journal: Journal, actor: Actor) -> None:
        """In team mode: keep the verdict that is foreseen, and ask the promoter for the one that counts."""
        plan, fit = read_lock(journal).plan, journal.need(FitResult)
        verdict = foresee(journal, plan, open_ledger(self._workspace), actor)
        if is_asked_for(plan, verdict):
            signed = self._signed("judge", plan.name, "", run_id=journal.run_id, digest=fit.candidate.digest)
            asked = {"run": journal.run_id, "actor": actor}
            # Before the records: if this process is stopped in between, the run asks again when it is resumed.
            write_request(self._workspace, "decide", asked, name=self._name, said=signed.said)
        keep_foreseen(journal, plan, verdict)

    def _signed(
        self,
        action: Action,
        model: str,
        reason: str,
        *,
        run_id: str = "",
        version: int = 0,
        digest: str = "",
        content: str = "",
    ) -> Actor:
        """The person, with what is asked for, signed here by the person's own key."""
        ledger = open_ledger(self._workspace)
        decision = Decision(
            action=action,
            ledger=ledger.keyring().ledger,
            model=model,
            run_id=run_id,
            version=version,
            digest=digest,
            term=term_now(ledger, model, action),
            name=self._name,
            reason=reason,
            at=ledger.clock(),
            nonce=new_nonce(),
            content=content,
        )
        return Actor(name=self._name, reason=reason, said=said(decision, keys.signer("identity")))

    def _send(self, what: str, **asked: Any) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(json.dumps(encode({"do": what, **asked})) + "\n")
        self._process.stdin.flush()

    def _ask(self, what: str, again: str, within_s: float | None = None, **asked: Any) -> dict[str, Any]:
        """The answer to one request; an error raised in the process is raised here.

        Args:
            again: the command that repeats the request.
            within_s: seconds to wait for the answer; None waits for as long as it takes.

        Raises:
            TimeoutError: there was no answer in time.
            WaitingForPromoter: in team mode, where it is written down for the promoter.
        """
        if self._team:
            raise waiting(write_request(self._workspace, what, asked, name=self._name), again)
        assert self._process is not None and self._process.stdout is not None
        try:
            self._send(what, **asked)
            in_time = within_s is None or select([self._process.stdout], [], [], max(_LEAST_S, within_s))[0]
            line = self._process.stdout.readline() if in_time else ""
        except (OSError, UnicodeDecodeError):
            in_time, line = True, ""
        if not in_time:
            raise TimeoutError(what)
        if not line.endswith("\n"):  # nothing, or half an answer: it was killed before it had written all
            where = f"see {self._log.name} in {self._log.parent}"
            raise EngineError("promote", f"the promoting process ended before it answered; {where}", next_step=again)
        answer = json.loads(line)
        if answer.get("error"):
            raise from_words(answer["error"], answer["what"], answer["next_step"])
        return answer
