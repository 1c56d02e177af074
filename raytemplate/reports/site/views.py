"""What the pages of a site show: rows as other reports have them, joined for each page."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from raytemplate.ledger.history import ModelVersion
from raytemplate.reports.history import DamagedRow, EventRow, ModelRow, RunRow
from raytemplate.reports.model_shown import GateRate
from raytemplate.reports.service import FAILS, InService
from raytemplate.reports.site.months import Month, by_month
from raytemplate.units import parse_span


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldRow:
    """A run whose candidate waits for a person."""

    run: RunRow
    missing: str
    """What it waits for."""


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One model, registered or only tried, with its runs. Without slots, so that its months are counted once."""

    model: ModelRow
    """Champion, challenger and cadence; without a champion only its name is sure to be known."""
    runs: tuple[RunRow, ...]
    """Newest first."""
    held: tuple[HeldRow, ...] = ()
    """Newest first."""

    @cached_property
    def months(self) -> tuple[Month, ...]:
        """What its runs took, by month."""
        return by_month(self.runs)

    @property
    def next_due(self) -> datetime | None:
        """When the next run should begin; None if no template sets a cadence."""
        if not self.model.cadence or self.model.retrained is None:
            return None
        return parse_span(self.model.cadence).on_from(self.model.retrained)

    def urgency(self, now: datetime) -> tuple[bool, bool, bool, str]:
        """Sorts the models that need a person first: held runs, a champion that fails or has seen revoked rows, an
        overdue run."""
        fails = self.model.today == FAILS or bool(self.model.revoked)
        return not self.held, not fails, not self.model.overdue(now), self.model.name


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelDetails:
    """What the page of one model has beside its entry."""

    versions: tuple[ModelVersion, ...] = ()
    """Oldest first."""
    events: tuple[EventRow, ...] = ()
    """Oldest first."""
    gates: tuple[GateRate, ...] = ()
    service: InService | None = None
    """The champion on the newest test rows that it was scored on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerRow:
    """One event of the whole ledger."""

    number: int
    model: str
    event: EventRow
    sha256: str
    """The event's hash, which the next event names."""
    key: str = ""
    """Id of the key that signed it; "" if it is not signed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerView:
    """The ledger's events, newest first, and what is wrong with them."""

    rows: tuple[LedgerRow, ...] = ()
    faults: tuple[str, ...] = ()
    """One line each; none where nothing shows that the ledger was changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexView:
    """The first page."""

    workspace: str
    """Name of the folder that holds the workspace."""
    now: datetime
    """When the site was brought up to date; ages are as of then."""
    models: tuple[ModelEntry, ...]
    """Those that need a person first."""
    damaged: tuple[DamagedRow, ...] = ()
    faults: tuple[str, ...] = ()
    """Of the ledger, one line each."""
