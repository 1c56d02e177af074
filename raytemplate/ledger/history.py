"""One model's history from its events: its versions, every head it had, and the target of a rollback. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import OfModel, OfVersion, Promotion, Rollback, Waiting
from raytemplate.ledger.events import Event, body_of

State = Literal["champion", "challenger", "former"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Head(OfVersion):
    """A champion."""

    model: str
    """Name of the model."""

    term: int
    """The model's counter of champions, from 1."""

    at: datetime
    """When it became champion."""

    event_seq: int
    """Number of the event that made it champion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelVersion(OfVersion):
    """A registered candidate."""

    model: str
    """Name of the model."""

    state: State
    """The challenger is the candidate that was held last and has not been champion since. All others that are not the
    champion are former: they were champion, or another candidate was held after them."""

    at: datetime
    """When it was first registered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """One model's past."""

    versions: tuple[ModelVersion, ...] = ()
    """One for each digest, numbered 1, 2, 3, ..."""

    heads: tuple[Head, ...] = ()
    """Every head there was, oldest first; the head of term n is at n - 1."""

    line: tuple[Head, ...] = ()
    """The champions that `rollback` goes back through, oldest first, the current one last."""

    @property
    def term(self) -> int:
        """How many times the head has moved."""
        return len(self.heads)

    @property
    def head(self) -> Head | None:
        """The champion."""
        return self.heads[-1] if self.heads else None

    def number(self, digest: str) -> int:
        """The version number of a digest: its own, or the next free one."""
        return next((v.version for v in self.versions if v.digest == digest), len(self.versions) + 1)


def by_model(events: Iterable[Event]) -> dict[str, list[Event]]:
    """The events of each model, in their order; those that concern no model are left out."""
    found: dict[str, list[Event]] = {}
    for event in events:
        if event.model:
            found.setdefault(event.model, []).append(event)
    return found


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
        body = body_of(event)
        if not isinstance(body, OfModel):
            continue
        _check(event, body, num_heads=len(heads), number=numbers.get(body.digest, len(numbers) + 1))
        if body.digest not in numbers:
            numbers[body.digest] = body.version
            versions.append(_registered(event, body))
        match body:
            case Waiting():
                held = body.version
                continue
            case Promotion():
                below = line
            case Rollback():
                below = back_to(line, body.version)
        heads.append(_head(event, body))
        line = (*below, heads[-1])
        held = 0 if held == body.version else held
    champion = heads[-1].version if heads else 0
    for index in {champion, held} - {0}:
        versions[index - 1] = replace(versions[index - 1], state=_state(index, champion, held))
    return History(versions=tuple(versions), heads=tuple(heads), line=line)


def back_to(line: tuple[Head, ...], version: int) -> tuple[Head, ...]:
    """The line below `version` once it is champion again: the champions before its last occurrence, or the whole line
    if it no longer occurs."""
    for index in reversed(range(len(line) - 1)):
        if line[index].version == version:
            return line[:index]
    return line


def _check(event: Event, body: OfModel, *, num_heads: int, number: int) -> None:
    term = num_heads if isinstance(body, Waiting) else num_heads + 1
    if body.term != term or body.version != number:
        raise IntegrityError(f"event {event.seq}: version {body.version} in term {body.term} cannot come here")


def _state(version: int, champion: int, held: int) -> State:
    if version == champion:
        return "champion"
    return "challenger" if version == held else "former"


def _head(event: Event, body: OfModel) -> Head:
    return Head(
        model=event.model,
        term=body.term,
        version=body.version,
        digest=body.digest,
        run_id=body.run_id,
        seen_until=body.seen_until,
        at=moment(event.at, f"event {event.seq}"),
        event_seq=event.seq,
    )


def _registered(event: Event, body: OfModel) -> ModelVersion:
    return ModelVersion(
        model=event.model,
        version=body.version,
        digest=body.digest,
        run_id=body.run_id,
        seen_until=body.seen_until,
        state="former",
        at=moment(event.at, f"event {event.seq}"),
    )


def moment(text: str, where: str) -> datetime:
    """A time in the ledger's format.

    Raises:
        IntegrityError: not a time; names `where`.
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (OverflowError, TypeError, ValueError) as error:
        raise IntegrityError(f"{where}: has no readable time: {error}") from error
