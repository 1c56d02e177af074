"""Puts a copy of the ledger, or an export of it, in place of a ledger that is lost, damaged or not what it should be.

The copy is verified whole: its chain and signatures, and the checkpoints outside the workspace, which say whether it is
the newest there was. An older one takes the place only if a person says so, which is an event of the ledger itself.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from raytemplate.errors import IntegrityError, RaytemplateError
from raytemplate.ledger.bodies import KeyAdded, OfModel, Restored
from raytemplate.ledger.chain import Examined
from raytemplate.ledger.checkpoints import Checkpoint
from raytemplate.ledger.database import ledger_exists
from raytemplate.ledger.events import Event, body_of
from raytemplate.ledger.exported import read_export
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.history import by_model, tell
from raytemplate.ledger.opening import Named, ledger_copied_to
from raytemplate.ledger.outside import newest_outside
from raytemplate.records.judged import Actor
from raytemplate.store.atomic import storage_errors
from raytemplate.store.content_store import ContentStore

_SQLITE = b"SQLite format 3\0"
_MOST_LOST = 20
LOST_RECORD = "lost-"
"""How the name of a run's record begins whose version the restored ledger does not know."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A verified copy, beside what is there."""

    chain: Examined
    """The copy."""

    lost: tuple[str, ...]
    """What is known to be in the newer ledger and not in the copy, one line each."""

    checkpoint: int
    """Events of the newest checkpoint; 0 if there is none."""

    is_there: bool
    """Whether the ledger that is there has these events already."""

    not_compared: tuple[str, ...] = ()
    """Locations of checkpoints that did not answer, each with the reason."""

    newest: int = 0
    """Number of the newest event that is known, there or by a checkpoint."""

    def decision(self, actor: Actor) -> Restored:
        """What a person decides who lets this older copy take the place."""
        events = self.chain.events
        newest = max(self.newest, len(events))
        return Restored(events=len(events), head=events[-1].hash, newest=newest, lost=self.lost, actor=actor)


def read_copy(file: Path) -> Examined:
    """The chain in a copy of `governance.db`, with its journal beside it if there is one, or in an export. The file is
    only read.

    Raises:
        IntegrityError: something is wrong with it, or it holds no event.
        UsageError: it cannot be read.
    """
    with storage_errors(file, doing="read"), file.open("rb") as opened:
        start = opened.read(len(_SQLITE))
    chain = _read_database(file) if start == _SQLITE else read_export(file)
    if chain.faults:
        raise IntegrityError(f"{file}: {chain.faults[0]}", next_step="restore another copy")
    if not chain.events:
        raise IntegrityError(f"{file}: holds no event", next_step="restore another copy")
    return chain


def _read_database(file: Path) -> Examined:
    """Opened in a folder of its own: SQLite would write its journal into the file."""
    with tempfile.TemporaryDirectory(prefix="raytemplate-") as folder:
        copy = Path(folder) / file.name
        with storage_errors(file, doing="read"):
            for suffix in ("", "-wal"):
                if (beside := file.with_name(file.name + suffix)).exists():
                    shutil.copyfile(beside, copy.with_name(copy.name + suffix))
        try:
            return ledger_copied_to(copy).examine()
        except IntegrityError as error:
            raise IntegrityError(error.what.replace(str(copy), str(file)), next_step="restore another copy") from error


def compare_copy(
    chain: Examined, ledger: Ledger, named: Sequence[Named], elsewhere: Sequence[tuple[Checkpoint, str]] = ()
) -> Found:
    """What would be lost if a copy took the place of a ledger, by its checkpoints, by what is there, and by what runs
    have recorded.

    Args:
        named: the records of runs that name a version.
        elsewhere: newest checkpoints outside this user's folders, each with its location.

    Raises:
        IntegrityError: it is a copy of another ledger, or of another chain of this one.
    """
    newest, where = _newest(newest_outside(ledger.path, chain), elsewhere)
    size = len(chain.events)
    now = _now(ledger)
    same = _num_equal(chain.events, now)
    if now and same < min(size, len(now)) and (newest is None or newest.size > size):
        raise IntegrityError(
            f"event {same + 1}: not the one of {ledger.path}, which is whole, and no checkpoint tells which is right",
            next_step="restore another copy, or use another workspace: --workspace DIR",
        )
    more = now[size:] if same == size else ()
    if more and all(event.type in (KeyAdded.type, Restored.type) for event in more):
        return Found(chain=chain, lost=(), checkpoint=size, is_there=True)
    lost = list(map(_in_words, more))
    if newest is not None and newest.size > size + len(more):
        known = f"events {size + len(more) + 1} to" if newest.size > size + len(more) + 1 else "event"
        lost.append(f"{known} {newest.size}, which {where} has a checkpoint of")
    lost += _of_runs(chain, named)
    return Found(
        chain=chain,
        lost=tuple(lost[:_MOST_LOST]),
        checkpoint=newest.size if newest else 0,
        is_there=bool(now) and same == size == len(now),
        newest=max(len(now), newest.size if newest else 0),
    )


def _newest(
    outside: tuple[Checkpoint | None, Path], elsewhere: Sequence[tuple[Checkpoint, str]]
) -> tuple[Checkpoint | None, str]:
    """The newest checkpoint of all locations, this user's first, and where it is."""
    here, file = outside
    all_of_them = [*([(here, str(file))] if here else []), *elsewhere]
    return max(all_of_them, key=lambda one: one[0].size, default=(None, str(file)))


def _now(ledger: Ledger) -> tuple[Event, ...]:
    """The events that are there; none if there is no ledger, or it is damaged."""
    try:
        found = ledger.examine() if ledger_exists(ledger.path) else Examined()
    except RaytemplateError:
        return ()
    return () if found.faults else found.events


def _num_equal(ours: Sequence[Event], theirs: Sequence[Event]) -> int:
    """How many events at the beginning of two chains are equal."""
    pairs = zip(ours, theirs, strict=False)
    return next((number for number, (a, b) in enumerate(pairs) if a.hash != b.hash), min(len(ours), len(theirs)))


def _in_words(event: Event) -> str:
    body = body_of(event)
    of = f", version {body.version} of {event.model}" if isinstance(body, OfModel) else ""
    return f"event {event.seq}: {event.type}{of}"


def _of_runs(chain: Examined, named: Sequence[Named]) -> Iterator[str]:
    for one in unknown(chain.events, named):
        record = one.record
        if record is not None:
            yield (
                f"run {one.run_id}: {record.outcome}, version {record.version} of {record.model} in term {record.term}"
            )


def unknown(events: Sequence[Event], named: Sequence[Named]) -> Iterator[Named]:
    """The records of runs that name a version or a term that these events do not have."""
    models = {model: tell(of) for model, of in by_model(events).items()}
    versions = {(v.model, v.version, v.digest) for history in models.values() for v in history.versions}
    for one in named:
        record = one.record
        if record is None:
            continue
        history = models.get(record.model)
        known = (record.model, record.version, record.digest) in versions
        if not known or history is None or record.term > history.term:
            yield one


def kept_beside(path: Path, at: datetime) -> Path:
    """A free name for what is at `path`, with the time."""
    stem = f"{path.name}.{at:%Y-%m-%dT%H-%M-%SZ}"
    names = (path.with_name(stem if number == 1 else f"{stem}-{number}") for number in range(1, 1000))
    return next(name for name in names if not os.path.lexists(name))


def set_records_aside(ledger: Ledger, named: Sequence[Named]) -> tuple[str, ...]:
    """Rename the records of runs that name what a restored, older ledger does not know; their runs can be judged again.
    Returns the runs."""
    found = list(unknown(ledger.events(), named))
    for one in found:
        with storage_errors(one.path):
            os.replace(one.path, one.path.with_name(f"{LOST_RECORD}{one.path.name}"))
    return tuple(dict.fromkeys(one.run_id for one in found))


def missing_files(ledger: Ledger, store: ContentStore) -> tuple[str, ...]:
    """Versions whose files are not in the store, or, of champions, not those that were promoted; champions first."""
    champions: list[str] = []
    others: list[str] = []
    for model in ledger.models():
        for version in ledger.history(model).versions:
            what = f"version {version.version} of {model}"
            if version.state == "champion":
                try:
                    store.open(version.digest)
                except RaytemplateError as error:
                    champions.append(f"{what}, the champion: {error.what}")
            elif not store.path(version.digest).is_dir():
                others.append(f"{what}: {store.path(version.digest)}: not in the store")
    return (*champions, *others)
