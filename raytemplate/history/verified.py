"""Checks the whole ledger: its chain of events, its heads, the promotions that runs have recorded, its checkpoints."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from raytemplate.errors import IntegrityError
from raytemplate.execution.journal import Journal
from raytemplate.history.checkpointed import compare_elsewhere
from raytemplate.history.in_mlflow import ask_all
from raytemplate.ledger.chain import Examined
from raytemplate.ledger.checkpoints import Checkpoint, read_notes
from raytemplate.ledger.exported import export_lines, read_export
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.history import History
from raytemplate.ledger.keyring import KnownKey
from raytemplate.ledger.opening import Named, found_ledger, open_ledger, versions_named
from raytemplate.ledger.outside import Outside, check_outside, compare_notes
from raytemplate.records.promoted import PromotionRecord
from raytemplate.store.atomic import storage_errors
from raytemplate.store.handed_out import hand_out
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

    ledger: str = ""
    """The ledger's id; "" if no event is signed."""

    signed_since: int = 0
    """Number of the first event that is signed; 0 if none is."""

    keys: tuple[KnownKey, ...] = ()
    """The keys that the ledger knows."""

    compared: tuple[Outside, ...] = ()
    """The locations of checkpoints that it was compared with."""

    not_compared: tuple[str, ...] = ()
    """Locations of checkpoints that did not answer, each with the reason."""

    empty: tuple[str, ...] = ()
    """Locations that the settings name and that hold no checkpoint, each with that."""

    elsewhere: bool = False
    """Whether the settings name a location of checkpoints outside this user's folders."""

    mlflow: tuple[str, ...] = ()
    """Where MLflow's copy is not what the ledger says, one line each; that is no fault of the ledger."""


def verify_ledger(workspace: Workspace, *, against: Path | None = None) -> Verified:
    """Check every event's hash, position and signature, every head and every run's promotion against the events, and
    the whole against its checkpoints. If the ledger is whole, MLflow's copy is compared with it.

    Args:
        against: a file of checkpoints, beside those of this user's state folder.

    Raises:
        IntegrityError: `against` holds no checkpoint.
        UsageError: the ledger, the runs or the checkpoints cannot be read by this user.
    """
    named, notes = versions_named(workspace), _notes(against)
    try:
        ledger = found_ledger(workspace, named)
        chain = ledger.examine()
        models, faults = ledger.models(), _faults_of_records(ledger, named)
        elsewhere, silent = compare_elsewhere(chain, workspace.folder)
        empty = tuple(f"{each.path}: holds no checkpoint" for each in elsewhere if not (each.size or each.faults))
        compared = (check_outside(ledger.database, chain), *elsewhere, *_compared(chain, against, notes))
        found = _verified(chain, models, len(named), faults, compared)
        found = replace(found, not_compared=silent, empty=empty, elsewhere=bool(chain.ring.settings.checkpoints))
        return found if found.faults else replace(found, mlflow=ask_all(ledger, workspace))
    except IntegrityError as error:  # the ledger cannot be read to its end
        return Verified(num_events=0, models=(), num_records=len(named), faults=(error.what,))


def verify_export(file: Path, *, against: Path | None = None) -> Verified:
    """Check a ledger that was exported: every event's hash, position and signature, and the order of each model's.

    Args:
        against: a file of checkpoints.

    Raises:
        IntegrityError: the file is no export, or `against` holds no checkpoint.
        UsageError: a file cannot be read by this user.
    """
    chain, notes = read_export(file), _notes(against)
    models = tuple(sorted({event.model for event in chain.events if event.model}))
    return _verified(chain, models, 0, (), _compared(chain, against, notes))


def export_ledger(file: Path, workspace: Workspace) -> int:
    """Write the ledger as JSON Lines; returns how many events it has.

    Raises:
        IntegrityError: something is wrong with the ledger.
        UsageError: the file cannot be written.
    """
    ledger = open_ledger(workspace)
    chain = ledger.examine()
    if chain.faults:
        raise IntegrityError(f"{ledger.where}: {chain.faults[0]}", next_step="raytemplate ledger verify")
    hand_out(file, "".join(f"{line}\n" for line in export_lines(chain)).encode(), begins=b"{")
    return len(chain.events)


def _notes(against: Path | None) -> tuple[Checkpoint, ...]:
    if against is None:
        return ()
    with storage_errors(against, doing="read"):
        text = against.read_text(errors="replace")
    return read_notes(text, where=str(against))


def _compared(chain: Examined, against: Path | None, notes: Sequence[Checkpoint]) -> tuple[Outside, ...]:
    if against is None:
        return ()
    return (compare_notes(notes, chain, against, in_order=False),)


def _verified(
    chain: Examined, models: tuple[str, ...], num_records: int, faults: Iterable[str], compared: tuple[Outside, ...]
) -> Verified:
    outside = (fault for each in compared for fault in each.faults)
    return Verified(
        num_events=len(chain.events),
        models=models,
        num_records=num_records,
        faults=tuple(dict.fromkeys([*chain.faults, *faults, *outside])),
        ledger=chain.ring.ledger,
        signed_since=chain.ring.signed_since,
        keys=tuple(chain.ring.keys.values()),
        compared=compared,
    )


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
