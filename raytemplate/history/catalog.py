"""Registered models, their champions and their history from the ledger, as rows for reports."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

from raytemplate.errors import IntegrityError
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.governance.repeats import RULES
from raytemplate.history.in_mlflow import ask, look
from raytemplate.history.registered import find_version
from raytemplate.history.run_list import Runs, list_runs
from raytemplate.history.runs import Run
from raytemplate.history.service import in_service
from raytemplate.ledger.bodies import (
    Body,
    KeyAdded,
    KeyRevoked,
    OfModel,
    Promotion,
    Restored,
    Rollback,
    SettingsChanged,
    SnapshotFrozen,
    SnapshotRevoked,
    Waiting,
    Waived,
)
from raytemplate.ledger.decisions import key_of
from raytemplate.ledger.events import Event, body_of
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.opening import open_ledger
from raytemplate.ledger.snapshots import revoked_of
from raytemplate.records.judged import AUTOMATIC, Actor, VerdictRecord
from raytemplate.reports.history import EventRow, ModelRow
from raytemplate.reports.model_shown import GateRate, ModelView
from raytemplate.reports.service import UNKNOWN, InService
from raytemplate.reports.site.views import LedgerRow, LedgerView
from raytemplate.reports.snapshots_shown import revoked_sentence
from raytemplate.reports.version_shown import VersionView, reigns
from raytemplate.reports.waiver_shown import waiver_text
from raytemplate.store.workspace import Workspace
from raytemplate.units import count, show_moment


def model_rows(workspace: Workspace) -> list[ModelRow]:
    """Every model of a workspace."""
    ledger = open_ledger(workspace)
    judged = {name: _judged(list_runs(workspace, name=name)) for name in ledger.models()}
    return [_row(workspace, ledger, name, runs, _in_service(ledger, name, runs)) for name, runs in judged.items()]


def registered_model(name: str, workspace: Workspace, *, check: bool = False) -> ModelView:
    """One model with its history and its runs.

    Args:
        check: whether to ask MLflow, also one on a server, and to hash the files of its copy.
    """
    ledger = open_ledger(workspace)
    runs = list_runs(workspace, name=name)
    judged = _judged(runs)
    service = _in_service(ledger, name, judged)
    return ModelView(
        model=_row(workspace, ledger, name, judged, service, check=check),
        events=tuple(event_rows(ledger, name)),
        now=datetime.now(UTC),
        runs=runs.rows,
        gates=_gate_rates(judged),
        service=service,
    )


def registered_version(ref: str, workspace: Workspace) -> VersionView:
    """One version of a model, "name@champion", "name@challenger" or "name/3", with the run that made it.

    Raises:
        UsageError: no such version.
    """
    version = find_version(ref, workspace)
    events = tuple(event_rows(open_ledger(workspace), version.model))
    run = None
    with suppress(IntegrityError):
        run = Run(Journal(workspace.runs / version.run_id)).row()
    return VersionView(
        version=version,
        reigns=reigns(events, version.version),
        now=datetime.now(UTC),
        run=run,
        revoked=revoked_text(open_ledger(workspace), version.model, version.version),
    )


def _judged(runs: Runs) -> list[Run]:
    """The runs that gates have judged, except those judged for show; newest first."""
    return [
        run
        for run, row in zip(runs, runs.rows, strict=True)
        if row.state != "shown" and run.journal.read(VerdictRecord) is not None
    ]


def _gate_rates(runs: Iterable[Run]) -> tuple[GateRate, ...]:
    return gate_rates((finding.gate, finding.outcome) for run in runs for finding in run.verdict.findings)


def gate_rates(found: Iterable[tuple[str, str]]) -> tuple[GateRate, ...]:
    """How often each gate passed, from gates and their outcomes in any number of runs."""
    outcomes: dict[str, list[str]] = {}
    for gate, outcome in found:
        if gate not in RULES:
            outcomes.setdefault(gate, []).append(outcome)
    return tuple(
        GateRate(
            gate=gate,
            num_passed=each.count("pass"),
            num_judged=len(each) - each.count("skip"),
            num_skipped=each.count("skip"),
        )
        for gate, each in outcomes.items()
    )


def _reason(body: Body) -> str:
    """The reason for an event, for people to read; another column names the person."""
    actor = body.actor
    match body:
        case Rollback():
            return actor.reason
        case KeyAdded():
            return f"{body.purpose} key {body.key.id} of {body.name}"
        case KeyRevoked():
            return _because(f"key {body.key}", actor)
        case Waived():
            return _because(f"{body.gate} for run {body.run_id} until {show_moment(body.expires)}", actor)
        case SnapshotFrozen() | SnapshotRevoked():
            return _because(body.name, actor)
        case SettingsChanged():
            return actor.reason
        case Restored(events=number):
            return _because(f"a copy of {count(number, 'event')}, an older one", actor)
        case Waiting(grounds=grounds):
            allowed = ""
        case Promotion(grounds=grounds):
            allowed = actor.reason or (AUTOMATIC if actor.automatic else actor.name)
    held = f"accepted although {', '.join(grounds.accepted)} held" if grounds.accepted else ""
    waived = [f"{one.gate} {waiver_text(one)}" for one in grounds.waivers]
    outside = f"{', '.join(grounds.set_outside)} set outside the template" if grounds.set_outside else ""
    return "; ".join(part for part in (allowed, held, *waived, outside) if part)


def _because(what: str, actor: Actor) -> str:
    return f"{what}: {actor.reason}" if actor.reason else what


def event_rows(ledger: Ledger, name: str) -> list[EventRow]:
    """Every promotion, rollback and waiting candidate of a model, oldest first."""
    return rows_of_events(ledger.events(name))


def rows_of_events(events: Iterable[Event]) -> list[EventRow]:
    """Events of one or of many models, oldest first.

    Raises:
        IntegrityError: names an event that cannot be read.
    """
    rows: list[EventRow] = []
    champions: dict[str, int] = {}
    for event in events:
        body = body_of(event)
        of_model = body if isinstance(body, OfModel) else None
        moved = of_model is not None and not isinstance(body, Waiting)
        rows.append(
            EventRow(
                at=datetime.fromisoformat(event.at),
                event=event.type,
                version=of_model.version if of_model else 0,
                previous_version=champions.get(event.model, 0) if moved else 0,
                run_id=of_model.run_id if of_model else "",
                by=body.actor.name,
                reason=_reason(body),
                key=key_of(body.actor.said).id if body.actor.said else "",
            )
        )
        if of_model and moved:
            champions[event.model] = of_model.version
    return rows


def ledger_rows(events: Iterable[Event]) -> tuple[LedgerRow, ...]:
    """Events of the whole ledger, oldest first.

    Raises:
        IntegrityError: names an event that cannot be read.
    """
    events = tuple(events)
    return tuple(
        LedgerRow(number=event.seq, model=event.model, event=row, sha256=event.hash, key=event.key)
        for event, row in zip(events, rows_of_events(events), strict=True)
    )


def ledger_view(workspace: Workspace) -> LedgerView:
    """Every event, oldest first, and everything that is wrong with the ledger.

    Raises:
        IntegrityError: the ledger is lost, or an event cannot be read.
    """
    chain = open_ledger(workspace).examine()
    return LedgerView(rows=ledger_rows(chain.events), faults=chain.faults)


def _in_service(ledger: Ledger, name: str, judged: list[Run]) -> InService | None:
    head = ledger.head(name)
    return in_service(head, judged) if head else None


def _row(
    workspace: Workspace,
    ledger: Ledger,
    name: str,
    judged: list[Run],
    service: InService | None,
    *,
    check: bool = False,
) -> ModelRow:
    history = ledger.history(name)
    head = history.head
    waiting = [v.version for v in history.versions if v.state == "challenger"]
    return ModelRow(
        name=name,
        champion_version=head.version if head else 0,
        promoted=head.at if head else None,
        run_id=head.run_id if head else "",
        digest=head.digest if head else "",
        challenger_version=waiting[-1] if waiting else 0,
        retrained=judged[0].row().started if judged else None,
        cadence=_cadence(judged[0]) if judged else "",
        today=service.today if service else (UNKNOWN if head else ""),
        revoked=revoked_text(ledger, name, head.version) if head else "",
        goes_back=len(history.line) > 1,
        mlflow=(ask if check else look)(name, history, workspace),
    )


def revoked_text(ledger: Ledger, model: str, version: int) -> str:
    """A sentence about the revoked snapshots that a version has seen; "" if it has seen none."""
    marks = ledger.marks()
    return revoked_sentence(version, revoked_of(marks, ledger.seen(model).get(version, ())) if marks else ())


def _cadence(run: Run) -> str:
    """How often the run's template wants the model retrained; "" if unknown, as for a saved plan without a template."""
    governance = read_lock(run.journal).resolved.get("governance") or {}
    return str(governance.get("cadence") or "")
