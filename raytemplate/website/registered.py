"""What the ledger says of every model, in one reading; of a ledger that was changed only its faults are trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from raytemplate.errors import IntegrityError
from raytemplate.history.catalog import ledger_rows, rows_of_events
from raytemplate.ledger.events import Event
from raytemplate.ledger.history import History, by_model, tell
from raytemplate.ledger.opening import open_ledger
from raytemplate.ledger.snapshots import marks_in, revoked_of, seen_by_versions
from raytemplate.records.marked import SnapshotMark
from raytemplate.reports.history import EventRow
from raytemplate.reports.site.views import LedgerView
from raytemplate.reports.snapshots_shown import revoked_sentence
from raytemplate.store.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredModel:
    """One model of the ledger."""

    history: History = field(default_factory=History)
    events: tuple[EventRow, ...] = ()
    """Oldest first."""
    last_event: str = ""
    """Hash of its last event: it changes with every event of the model."""
    revoked: str = ""
    """A sentence about the revoked snapshots that the champion has seen; "" if it has seen none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """All models of the ledger, and the ledger itself."""

    models: Mapping[str, RegisteredModel] = field(default_factory=dict[str, RegisteredModel])
    ledger: LedgerView = field(default_factory=LedgerView)


def read_registered(workspace: Workspace) -> Registered:
    """The models of a workspace; none, and the faults, where the ledger is lost or was changed.

    Raises:
        UsageError: it cannot be read by this user.
    """
    try:
        ledger = open_ledger(workspace)
        chain = ledger.examine()
        view = LedgerView(rows=ledger_rows(chain.events)[::-1], faults=chain.faults)
        return Registered(models={} if chain.faults else _models_of(chain.events), ledger=view)
    except IntegrityError as error:
        return Registered(ledger=LedgerView(faults=(error.what,)))


def _models_of(events: tuple[Event, ...]) -> dict[str, RegisteredModel]:
    marks = marks_in(event for event in events if not event.model)
    return {name: _model(of, marks) for name, of in by_model(events).items()}


def _model(events: Sequence[Event], marks: tuple[SnapshotMark, ...]) -> RegisteredModel:
    history = tell(events)
    head, seen = history.head, seen_by_versions(events) if marks else {}
    return RegisteredModel(
        history=history,
        events=tuple(rows_of_events(events)),
        last_event=events[-1].hash,
        revoked=revoked_sentence(head.version, revoked_of(marks, seen.get(head.version, ()))) if head else "",
    )
