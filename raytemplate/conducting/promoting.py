"""The promoter's process, `python -P -m raytemplate.conducting.promoting WORKSPACE [URI [MODULE ...]]`.

It loads no user code. It reads one line of JSON for each request, such as {"do": "decide", "run": RUN, "actor": WHO},
and answers with one line, except for requests that nobody waits for. With a URI it opens MLflow first, while a run
trains, and imports the modules that its report will need; without one, when a request needs them.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from raytemplate.collector import collect_rarely
from raytemplate.conducting.beside import Beside
from raytemplate.conducting.repairing import with_runs
from raytemplate.conducting.restoring import restore
from raytemplate.engines.mlflow.mirror import Mirror
from raytemplate.errors import ChampionMoved, IntegrityError, RaytemplateError
from raytemplate.execution import decide as deciding
from raytemplate.execution.in_force import refuse_lock_out, settings_in_force
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.execution.requests import team_tracking
from raytemplate.execution.waiving import new_waiver
from raytemplate.history.checkpointed import keep_checkpoint
from raytemplate.history.in_mlflow import uri_of
from raytemplate.history.runs import Run
from raytemplate.ledger.bodies import KeyRevoked, content_of
from raytemplate.ledger.decisions import check_decision, read_decision
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.opening import open_ledger
from raytemplate.ledger.settings import change_to
from raytemplate.ledger.snapshots import mark_of
from raytemplate.ledger.terms import term_now
from raytemplate.plugins import bug
from raytemplate.records.codec import decode, encode
from raytemplate.records.fitted import FitResult
from raytemplate.records.governed import GovernanceSettings
from raytemplate.records.judged import Actor, Said
from raytemplate.records.marked import MarkKind
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd
from raytemplate.redact import redacted_stream
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace

_NICENESS = 10
_LEAVING_S = 3.0
_UNANSWERED = ("copy_trials",)
_AS_IT_IS = ("change_settings", "copy_trials", "project", "project_model", "repair", "restore")
"""Requests that decide nothing, decide on the settings themselves, or bring the ledger back that has them."""


@dataclass(frozen=True)
class Promoting:
    """The requests, one method each; each of them opens the ledger anew."""

    workspace: Workspace
    """The workspace."""
    said: list[str]
    """What was found out of MLflow's database before anything was asked."""
    tracking: str | None = None
    """MLflow's tracking URI, whatever runs have recorded, "" for the workspace's own database; None for the one that
    each run has recorded."""
    projected: list[str] = field(default_factory=list[str])
    """Runs that MLflow was told of, whose documents it lacks until they have ended."""
    beside: Beside = field(default_factory=Beside)
    """Copies trials to MLflow while nothing is asked, or while something else is."""

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """What is answered to a request: {"error": ...} if it failed or was refused."""
        return _answer(request, self)

    def decide(self, run: str, actor: Actor, evaluation: str = "") -> None:
        """Judge a run, and promote it if its plan does not require a person's approval.

        Args:
            evaluation: see `execution.decide.decide`.
        """
        journal = self._journal(run)
        ledger, plan = open_ledger(self.workspace), read_lock(journal).plan
        self._mirror(plan.promote.tracking_uri).refuse_other_ledger(plan.name)
        deciding.decide(journal, plan, ledger, self._store, actor=actor, evaluation=evaluation)
        self._keep_checkpoint(ledger, journal)

    def promote(self, run: str, actor: Actor, evaluation: str = "") -> None:
        """Judge a run again and promote it, as a person has asked.

        Args:
            evaluation: see `execution.decide.decide`.
        """
        journal = self._journal(run)
        ledger, plan, fit = open_ledger(self.workspace), read_lock(journal).plan, journal.read(FitResult)
        digest = fit.candidate.digest if fit else ""
        _check_signed(actor, ledger, model=plan.name, action="promote", run_id=run, version=0, digest=digest)
        self._mirror(plan.promote.tracking_uri).refuse_other_ledger(plan.name)
        deciding.promote(journal, plan, ledger, self._store, actor=actor, evaluation=evaluation)
        self._keep_checkpoint(ledger, journal)

    def copy_trials(self, run: str) -> None:
        """Begin to copy the trials of a run that is not judged yet to MLflow, in a thread."""
        journal = self._journal(run)
        mirror = self._mirror(read_lock(journal).plan.promote.tracking_uri)
        self.beside.begin(lambda goes_on: mirror.copy_trials(journal, goes_on))

    def project(self, run: str) -> None:
        """Bring MLflow's copy of a run and of its model in line."""
        self.beside.end()
        journal = self._journal(run)
        plan = read_lock(journal).plan
        if self._mirror(plan.promote.tracking_uri).bring_in_line(plan, journal):
            self.projected.append(run)

    def finish(self) -> None:
        """Nobody asks any more: give MLflow the documents of the runs that have ended. What fails is only told."""
        self.beside.end(_LEAVING_S)
        for journal in map(self._journal, self.projected):
            if journal.read(RunEnd) is None:
                continue
            from raytemplate.history.reported import report_of

            try:
                report = report_of(Run(journal), self.workspace)
                self._mirror(read_lock(journal).plan.promote.tracking_uri).add_documents(journal, report)
            except Exception as error:  # the run has ended; its folder has both documents
                print(f"MLflow has no report of run {journal.run_id}: {error}", file=sys.stderr)

    def roll_back(self, model: str, version: int | None, actor: Actor) -> dict[str, Any]:
        """Make an earlier champion the champion again; returns the move, and a warning or ""."""
        ledger = open_ledger(self.workspace)
        to = ledger.rollback_target(model, version)
        _check_signed(
            actor, ledger, model=model, action="rollback", run_id=to.run_id, version=to.version, digest=to.digest
        )
        self._mirror_of(model).refuse_other_ledger(model)
        move = deciding.roll_back(ledger, self._store, model, version, actor=actor)
        return {"move": encode(move), "warning": keep_checkpoint(ledger, self.workspace)}

    def revoke_key(self, key: str, actor: Actor) -> dict[str, Any]:
        """Let a key of the ledger sign nothing from now on; returns the key, and a warning or ""."""
        ledger = open_ledger(self.workspace)
        asked = KeyRevoked(key=key, actor=actor)
        _check_signed(actor, ledger, model="", action=asked.type, content=content_of(asked))
        revoked = ledger.revoke(key, actor)
        return {"key": encode(revoked), "warning": keep_checkpoint(ledger, self.workspace)}

    def change_settings(self, settings: dict[str, Any], actor: Actor) -> dict[str, Any]:
        """Put settings of governance in force; returns the number of the event, and a warning or ""."""
        ledger, found = open_ledger(self.workspace), decode(GovernanceSettings, settings)
        body = change_to(found, actor)
        said = _check_signed(actor, ledger, model="", action=body.type, content=content_of(body))
        refuse_lock_out(found, said)
        event = ledger.record(body)
        return {"event": event.seq, "warning": keep_checkpoint(ledger, self.workspace)}

    def waive(self, run: str, gate: str, expires: str, actor: Actor) -> dict[str, Any]:
        """Except a run's candidate from a gate, for a time; returns a warning or ""."""
        journal, ledger = self._journal(run), open_ledger(self.workspace)
        plan = read_lock(journal).plan
        asked = new_waiver(journal, plan, ledger, gate, decode(datetime, expires), actor)
        _check_signed(actor, ledger, model=plan.name, action=asked.type, content=content_of(asked))
        ledger.record(asked, plan.name)
        return {"warning": keep_checkpoint(ledger, self.workspace)}

    def mark_snapshot(self, kind: MarkKind, snapshot: str, name: str, kept: str, actor: Actor) -> dict[str, Any]:
        """Freeze or revoke a snapshot; returns a warning or ""."""
        ledger, asked = open_ledger(self.workspace), mark_of(kind, snapshot, name, kept, actor)
        _check_signed(actor, ledger, model="", action=asked.type, content=content_of(asked))
        ledger.record(asked)
        return {"warning": keep_checkpoint(ledger, self.workspace)}

    def project_model(self, model: str) -> dict[str, Any]:
        """Bring MLflow's copy of a model in line; returns a warning if that failed."""
        return {"warning": self._mirror_of(model).try_project(model)}

    def repair(self, model: str) -> dict[str, Any]:
        """Bring MLflow's copy of a model in line, and the runs of it that MLflow was not told of; returns what was
        found."""
        mirror = self._mirror_of(model)
        mended = mirror.repair(model)
        if not mended.unavailable:
            mended = with_runs(mended, self.workspace, self._mirror)
        return {"mended": encode(mended)}

    def restore(self, file: str, actor: Actor) -> dict[str, Any]:
        """Put a copy in place of the ledger, as a person has asked; returns what came of it."""
        return {"restoration": encode(restore(Path(file), self.workspace, actor))}

    def _mirror_of(self, model: str) -> Mirror:
        if self.tracking is not None:
            return self._mirror(self.tracking)
        return self._mirror(uri_of(open_ledger(self.workspace).history(model), self.workspace))

    def _keep_checkpoint(self, ledger: Ledger, journal: Journal) -> None:
        """Keep a checkpoint outside the workspace. That it could not be kept is told in the run's record."""
        record = journal.read(PromotionRecord)
        if record is not None and (warning := keep_checkpoint(ledger, self.workspace)):
            journal.write(replace(record, ledger_warning=warning))

    def _mirror(self, uri: str) -> Mirror:
        return Mirror(self.workspace, uri if self.tracking is None else self.tracking, self.said)

    def _journal(self, run: str) -> Journal:
        return Journal(self.workspace.runs / run)

    @property
    def _store(self) -> ContentStore:
        return ContentStore(self.workspace.models)


def _check_signed(actor: Actor, ledger: Ledger, *, model: str, action: str, **expected: object) -> Said:
    """Check that the person has signed what this process is asked to do. Returns what was signed.

    Raises:
        ChampionMoved: the champion has moved since it was signed.
        IntegrityError: it is not signed, or says something else; or other settings are in force since it was signed.
    """
    term = term_now(ledger, model, action)
    signed = read_decision(actor.said).term if actor.said is not None else term
    if model and signed != term:
        raise ChampionMoved(
            f"the champion of {model} has moved since this was asked for", next_step=f"raytemplate show {model}"
        )
    if signed != term:
        was = f"those of event {signed}" if signed else "the defaults"
        raise IntegrityError(
            f"event {term} has put other settings in force since this was signed, when {was} were",
            next_step='raytemplate ledger settings governance.yaml --reason "..."',
        )
    known = ledger.keyring().ledger
    return check_decision(actor, action=action, model=model, ledger=known, term=term, **expected)


def _serve(folder: str, uri: str | None = None, *modules: str) -> None:
    collect_rarely()
    workspace = Workspace(Path(folder))
    sys.stderr = redacted_stream(sys.stderr)
    answers, sys.stdout = sys.stdout, sys.stderr
    promoting = Promoting(workspace, [], tracking=team_tracking(workspace))
    if uri is not None:
        _open_ahead(Mirror(workspace, uri, promoting.said), modules)
    for line in sys.stdin:
        request = json.loads(line)
        is_answered, answer = request["do"] not in _UNANSWERED, _answer(request, promoting)
        if is_answered:
            answers.write(json.dumps(answer) + "\n")
            answers.flush()
        elif answer:
            print(answer["what"], file=sys.stderr)
    promoting.finish()


def _open_ahead(mirror: Mirror, modules: Sequence[str]) -> None:
    # Low priority: it has until training ends to get ready, and training needs the cores.
    os.nice(_NICENESS)
    try:
        mirror.open()
    except Exception as error:  # also becomes a warning in the record if a decision cannot be copied
        print(f"MLflow could not be opened: {error}", file=sys.stderr)
    for said in mirror.said:
        print(said, file=sys.stderr)
    for name in modules:
        with suppress(ImportError):  # told where it is needed
            import_module(name)


def _answer(request: dict[str, Any], promoting: Promoting) -> dict[str, Any]:
    try:
        act: Callable[..., dict[str, Any] | None] = getattr(promoting, request.pop("do"))
        if "actor" in request:
            request["actor"] = decode(Actor, request["actor"])
        if act.__name__ not in _AS_IT_IS:
            settings_in_force(promoting.workspace)
        return act(**request) or {}
    except Exception as error:  # whatever it is, the asking process must learn of it
        told = error if isinstance(error, RaytemplateError) else bug(error)
        return {"error": type(told).__name__, "what": told.what, "next_step": told.next_step}


if __name__ == "__main__":
    _serve(*sys.argv[1:])
    sys.stderr.flush()
    os._exit(0)  # skips the exit handlers of libraries, which take time and are not needed
