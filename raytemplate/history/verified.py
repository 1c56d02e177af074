"""Checks the whole ledger: its chain of events, its heads, and the promotions that runs have recorded."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from raytemplate.errors import IntegrityError
from raytemplate.execution.journal import Journal
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.history import History
from raytemplate.ledger.opening import Named, found_ledger, versions_named
from raytemplate.records.promoted import PromotionRecord
from raytemplate.store.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What was checked, and everything that is wrong."""

    num_events: int
    """Events in the chain, of all models."""

    models: tuple[str, ...]
    """Models that have an event or a head."""

    num_records: int
    """Records of runs that name a version."""

    faults: tuple[str, ...]
    """One line for each fault; empty if nothing shows that the ledger was changed."""


def verify_ledger(workspace: Workspace) -> Verified:
    """Check every event's hash and position, every head and every run's promotion against the events.

    Raises:
        UsageError: the ledger or the runs cannot be read by this user.
    """
    named = versions_named(workspace)
    try:
        ledger = found_ledger(workspace, named)
        return Verified(
            num_events=len(ledger.events()),
            models=ledger.models(),
            num_records=len(named),
            faults=(*ledger.faults(), *_faults_of_records(ledger, named)),
        )
    except IntegrityError as error:  # the ledger cannot be read to its end
        return Verified(num_events=0, models=(), num_records=len(named), faults=(error.what,))


def _faults_of_records(ledger: Ledger, named: Iterable[Named]) -> Iterator[str]:
    history = cache(ledger.told)
    for one in named:
        try:
            record = Journal(one.path.parent).load(PromotionRecord, one.path.name)
        except IntegrityError as error:
            yield error.what
            continue
        with suppress(IntegrityError):  # the faults of this model's events are reported already
            if record is not None and not _agree(record, history(record.model), one.run_id):
                yield (
                    f"{one.path}: {record.outcome}, version {record.version} of {record.model} in term {record.term}: "
                    "the events do not say so"
                )


def _agree(record: PromotionRecord, history: History, run_id: str) -> bool:
    """Whether the events agree with what a run has recorded."""
    if record.outcome == "waiting":
        registered = {(version.version, version.digest) for version in history.versions}
        return (record.version, record.digest) in registered and record.term <= history.term
    if not 1 <= record.term <= history.term:
        return False
    head = history.heads[record.term - 1]
    made_by = {head.run_id} if record.outcome == "promoted" else {run_id}
    return (head.version, head.digest) == (record.version, record.digest) and run_id in made_by
