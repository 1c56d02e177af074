"""What the ledger says of every model, in one reading; of a ledger that was changed only its faults are trusted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from raytemplate.errors import IntegrityError
from raytemplate.history.catalog import ledger_rows, rows_of_events
from raytemplate.ledger.events import Event
from raytemplate.ledger.history import History, by_model, tell
from raytemplate.ledger.opening import open_ledger
from raytemplate.reports.history import EventRow
from raytemplate.reports.site.views import LedgerView
from raytemplate.store.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredModel:
    """One model of the ledger."""

    history: History = field(default_factory=History)
    events: tuple[EventRow, ...] = ()
    """Oldest first."""
    last_event: str = ""
    """Hash of its last event: it changes with every event of the model."""


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
    return {
        name: RegisteredModel(history=tell(of), events=tuple(rows_of_events(of)), last_event=of[-1].hash)
        for name, of in by_model(events).items()
    }
