"""What one model's events say: its versions, every head it had, and which champion comes back next. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from raytemplate.errors import IntegrityError
from raytemplate.ledger.events import Change, Event, change_of

State = Literal["champion", "challenger", "former"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A champion. `seen_until`: no row it was made from is newer. `event_seq`: the event that made it head."""

    model: str
    term: int
    version: int
    digest: str
    run_id: str
    seen_until: datetime
    at: datetime
    event_seq: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelVersion:
    """A registered candidate. `at` is when it was registered first.

    The challenger is the candidate that was held last and has not been champion since. Every other is former: it was
    champion, or was held and another came after it.
    """

    model: str
    version: int
    digest: str
    run_id: str
    seen_until: datetime
    state: State
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """One model's past.

    Args:
        versions: one for each digest, numbered 1, 2, 3, ...
        heads: every head there was, oldest first; the head of term n is at n - 1.
        line: the champions that `rollback` goes back along, oldest first, the current one last.
    """

    versions: tuple[ModelVersion, ...] = ()
    heads: tuple[Head, ...] = ()
    line: tuple[Head, ...] = ()

    @property
    def term(self) -> int:
        """How often the head has moved."""
        return len(self.heads)

    @property
    def head(self) -> Head | None:
        """The champion."""
        return self.heads[-1] if self.heads else None

    def number(self, digest: str) -> int:
        """The version of that digest: its own, or the next free one."""
        return next((v.version for v in self.versions if v.digest == digest), len(self.versions) + 1)


def tell(events: Iterable[Event]) -> History:
    """The history of one model from its events, oldest first.

    Raises:
        IntegrityError: names the event that cannot follow those before it.
    """
    numbers: dict[str, int] = {}
    versions: list[ModelVersion] = []
    heads: list[Head] = []
    line: tuple[Head, ...] = ()
    held = 0
    for event in events:
        change = change_of(event)
        _check(event, change, num_heads=len(heads), number=numbers.get(change.digest, len(numbers) + 1))
        if change.digest not in numbers:
            numbers[change.digest] = change.version
            versions.append(_registered(event, change))
        if event.type == "waiting":
            held = change.version
            continue
        heads.append(_head(event, change))
        line = (*(line if event.type == "promoted" else back_to(line, change.version)), heads[-1])
        held = 0 if held == change.version else held
    champion = heads[-1].version if heads else 0
    stated = tuple(replace(v, state=_state(v.version, champion, held)) for v in versions)
    return History(versions=stated, heads=tuple(heads), line=line)


def back_to(line: tuple[Head, ...], version: int) -> tuple[Head, ...]:
    """The line below `version` once it is champion again: cut where it last stood, whole where it stands no more."""
    for place in reversed(range(len(line) - 1)):
        if line[place].version == version:
            return line[:place]
    return line


def _check(event: Event, change: Change, *, num_heads: int, number: int) -> None:
    if event.type not in ("waiting", "promoted", "rolled-back"):
        raise IntegrityError(f"event {event.seq}: of the unknown type {event.type!r}")
    term = num_heads if event.type == "waiting" else num_heads + 1
    if change.term != term or change.version != number:
        raise IntegrityError(f"event {event.seq}: version {change.version} in term {change.term} cannot come here")


def _state(version: int, champion: int, held: int) -> State:
    if version == champion:
        return "champion"
    return "challenger" if version == held else "former"


def _head(event: Event, change: Change) -> Head:
    return Head(
        model=event.model,
        term=change.term,
        version=change.version,
        digest=change.digest,
        run_id=change.run_id,
        seen_until=change.seen_until,
        at=_moment(event),
        event_seq=event.seq,
    )


def _registered(event: Event, change: Change) -> ModelVersion:
    return ModelVersion(
        model=event.model,
        version=change.version,
        digest=change.digest,
        run_id=change.run_id,
        seen_until=change.seen_until,
        state="former",
        at=_moment(event),
    )


def _moment(event: Event) -> datetime:
    try:
        return datetime.fromisoformat(event.at).astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise IntegrityError(f"event {event.seq}: has no readable time: {error}") from error
