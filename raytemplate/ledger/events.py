"""The chain of events: each names the hash of the one before, so that no later edit goes unseen.

What an event says is in its body, which `ledger.bodies` knows; here it is text.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from datetime import datetime

from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import MEMBERS, Body, of_schema_1
from raytemplate.records.codec import canonical, decode, encode
from raytemplate.store.digests import sha256_bytes

FIRST_PREV_HASH = "0" * 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One thing that governance did. `idem` is equal for equal requests: each is done once; `at` is ISO, UTC."""

    seq: int
    prev_hash: str
    hash: str
    type: str
    model: str
    body: str
    actor: str
    idem: str
    at: str


_COLUMNS = ", ".join(field.name for field in fields(Event))
_PLACES = ", ".join("?" for _ in fields(Event))


def event_hash(seq: int, prev_hash: str, type_: str, model: str, body: str, actor: str, idem: str, at: str) -> str:
    """The digest of everything in an event but its hash. A JSON list keeps the fields apart whatever they hold."""
    return sha256_bytes(canonical([seq, prev_hash, type_, model, body, actor, idem, at]).encode())


def idempotency_key(*parts: object) -> str:
    """One key for one request."""
    return sha256_bytes(canonical(list(parts)).encode())


def append(db: sqlite3.Connection, model: str, body: Body, *, idem: str, at: datetime) -> Event:
    """Add one event at the end of the chain, inside the caller's write transaction.

    Raises:
        IntegrityError: the event before it was edited: nothing is built on that.
    """
    last = next(_rows(db, "ORDER BY e.seq DESC LIMIT 1"), None)
    if last is not None:
        _refuse(last)
    seq, prev_hash = (last[0].seq + 1, last[0].hash) if last else (1, FIRST_PREV_HASH)
    text, actor, moment = canonical(body), body.actor.name, str(encode(at))
    digest = event_hash(seq, prev_hash, body.type, model, text, actor, idem, moment)
    event = Event(
        seq=seq,
        prev_hash=prev_hash,
        hash=digest,
        type=body.type,
        model=model,
        body=text,
        actor=actor,
        idem=idem,
        at=moment,
    )
    db.execute(f"INSERT INTO event ({_COLUMNS}) VALUES ({_PLACES})", astuple(event))
    return event


def read(db: sqlite3.Connection, model: str) -> tuple[Event, ...]:
    """One model's events, oldest first, each with its hash computed again and its link to the event before it followed.

    Raises:
        IntegrityError: names the first that was edited.
    """
    found = tuple(_rows(db, "WHERE e.model = ? ORDER BY e.seq", model))
    for each in found:
        _refuse(each)
    return tuple(event for event, _ in found)


def read_all(db: sqlite3.Connection) -> tuple[Event, ...]:
    """Every event, oldest first, as it stands there."""
    return tuple(event for event, _ in _rows(db, "ORDER BY e.seq"))


def faults(events: Iterable[Event]) -> list[str]:
    """Everything that is wrong with a whole chain: events that are missing, were edited, or do not follow."""
    found: list[str] = []
    seq, before = 0, FIRST_PREV_HASH
    for event in events:
        if event.seq != seq + 1:
            found.append(f"event {seq + 1}: missing, event {event.seq} comes next")
            before = event.prev_hash
        if fault := _fault(event, before):
            found.append(fault)
        seq, before = event.seq, event.hash
    return found


def _rows(db: sqlite3.Connection, which: str, *values: str) -> Iterator[tuple[Event, str]]:
    """Events, each with the hash of the one before it as that stands there now."""
    names = [field.name for field in fields(Event)]
    columns = ", ".join(f"e.{name}" for name in names)
    # Not by an index: one that is damaged would hide events without a word.
    source = "event e NOT INDEXED LEFT JOIN event before ON before.seq = e.seq - 1"
    query = f"SELECT {columns}, before.hash FROM {source} {which}"
    for *row, before in db.execute(query, values):
        event = Event(**dict(zip(names, row, strict=True)))
        yield event, FIRST_PREV_HASH if before is None and event.seq == 1 else str(before)


def _refuse(row: tuple[Event, str]) -> None:
    if fault := _fault(*row):
        raise IntegrityError(fault)


def _fault(event: Event, before: str) -> str:
    """What is wrong with one event, "" where nothing is."""
    fields_ = (event.seq, event.prev_hash, event.type, event.model, event.body, event.actor, event.idem, event.at)
    kinds = [type(each) for each in (*fields_, event.hash)]
    if kinds != [int, *[str] * (len(kinds) - 1)] or event.hash != event_hash(*fields_):
        return f"event {event.seq}: was changed after it was written"
    if event.prev_hash != before:
        return f"event {event.seq}: does not follow event {event.seq - 1} as it is now"
    return ""


def body_of(event: Event) -> Body:
    """What an event says.

    Raises:
        IntegrityError: names the event.
    """
    try:
        member, body = MEMBERS[event.type], json.loads(event.body)
        return decode(member, of_schema_1(member, event.actor, body) if body["kind"] == "Change" else body)
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise IntegrityError(f"event {event.seq}: its body cannot be read: {error}") from error
