"""The chain of events: each holds the hash of the one before, so that no later edit goes unnoticed.

An event's content is in its body, which `ledger.bodies` defines; this module treats it as text.
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
    """One thing that governance did."""

    seq: int
    """Number in the chain of all models, from 1."""

    prev_hash: str
    """Hash of the event before it."""

    hash: str
    """Digest of all other fields; see `event_hash`."""

    type: str
    """Kind of event; see `ledger.bodies.MEMBERS`."""

    model: str
    """Name of the model."""

    body: str
    """Content of the event as JSON."""

    actor: str
    """Who asked for it."""

    idem: str
    """Idempotency key: equal for equal requests, each of which is done once."""

    at: str
    """Time in ISO format, UTC."""


_COLUMNS = ", ".join(field.name for field in fields(Event))
_PLACES = ", ".join("?" for _ in fields(Event))


def event_hash(seq: int, prev_hash: str, type_: str, model: str, body: str, actor: str, idem: str, at: str) -> str:
    """The digest of everything in an event but its hash. A JSON list separates the fields whatever they contain."""
    return sha256_bytes(canonical([seq, prev_hash, type_, model, body, actor, idem, at]).encode())


def idempotency_key(*parts: object) -> str:
    """The key of a request; equal parts give the same key."""
    return sha256_bytes(canonical(list(parts)).encode())


def append(db: sqlite3.Connection, model: str, body: Body, *, idem: str, at: datetime) -> Event:
    """Add one event at the end of the chain, inside the caller's write transaction.

    Raises:
        IntegrityError: the event before it was edited, and nothing may be built on that.
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
    """One model's events, oldest first, with the hash of each and its link to the event before it checked.

    Raises:
        IntegrityError: names the first event that was edited.
    """
    found = tuple(_rows(db, "WHERE e.model = ? ORDER BY e.seq", model))
    for each in found:
        _refuse(each)
    return tuple(event for event, _ in found)


def read_all(db: sqlite3.Connection) -> tuple[Event, ...]:
    """Every event, oldest first, unchecked."""
    return tuple(event for event, _ in _rows(db, "ORDER BY e.seq"))


def faults(events: Iterable[Event]) -> list[str]:
    """Everything wrong with a whole chain: events that are missing, edited, or do not follow the one before."""
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
    """Events, each with the stored hash of the one before it."""
    names = [field.name for field in fields(Event)]
    columns = ", ".join(f"e.{name}" for name in names)
    # Without an index: a damaged one would silently hide events.
    source = "event e NOT INDEXED LEFT JOIN event before ON before.seq = e.seq - 1"
    query = f"SELECT {columns}, before.hash FROM {source} {which}"
    for *row, before in db.execute(query, values):
        event = Event(**dict(zip(names, row, strict=True)))
        yield event, FIRST_PREV_HASH if before is None and event.seq == 1 else str(before)


def _refuse(row: tuple[Event, str]) -> None:
    if fault := _fault(*row):
        raise IntegrityError(fault)


def _fault(event: Event, before: str) -> str:
    """What is wrong with one event; "" if nothing is.

    Args:
        before: the stored hash of the event before it.
    """
    fields_ = (event.seq, event.prev_hash, event.type, event.model, event.body, event.actor, event.idem, event.at)
    kinds = [type(each) for each in (*fields_, event.hash)]
    if kinds != [int, *[str] * (len(kinds) - 1)] or event.hash != event_hash(*fields_):
        return f"event {event.seq}: was changed after it was written"
    if event.prev_hash != before:
        return f"event {event.seq}: does not follow event {event.seq - 1} as it is now"
    return ""


def body_of(event: Event) -> Body:
    """The body of an event.

    Raises:
        IntegrityError: the body cannot be read; names the event.
    """
    try:
        member, body = MEMBERS[event.type], json.loads(event.body)
        return decode(member, of_schema_1(member, event.actor, body) if body["kind"] == "Change" else body)
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise IntegrityError(f"event {event.seq}: its body cannot be read: {error}") from error
