"""The chain of events: each names the hash of the one before, so that no later edit goes unseen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from typing import Literal

from raytemplate.errors import IntegrityError
from raytemplate.records.codec import Settings, canonical, decode, encode
from raytemplate.store.digests import sha256_bytes

EventType = Literal["waiting", "promoted", "rolled-back"]
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """An event's body: the version it is about, and the model's term after it."""

    term: int
    version: int
    digest: str
    run_id: str
    seen_until: datetime
    details: Settings


_COLUMNS = ", ".join(field.name for field in fields(Event))
_PLACES = ", ".join("?" for _ in fields(Event))


def event_hash(seq: int, prev_hash: str, type_: str, model: str, body: str, actor: str, idem: str, at: str) -> str:
    """The digest of everything in an event but its hash. A JSON list keeps the fields apart whatever they hold."""
    return sha256_bytes(canonical([seq, prev_hash, type_, model, body, actor, idem, at]).encode())


def idempotency_key(*parts: object) -> str:
    """One key for one request."""
    return sha256_bytes(canonical(list(parts)).encode())


def append(
    db: sqlite3.Connection, type_: EventType, model: str, change: Change, *, actor: str, idem: str, at: datetime
) -> Event:
    """Add one event at the end of the chain, inside the caller's write transaction."""
    last = db.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    seq, prev_hash = (int(last[0]) + 1, str(last[1])) if last else (1, FIRST_PREV_HASH)
    body, moment = canonical(change), str(encode(at))
    digest = event_hash(seq, prev_hash, type_, model, body, actor, idem, moment)
    event = Event(
        seq=seq, prev_hash=prev_hash, hash=digest, type=type_, model=model, body=body, actor=actor, idem=idem, at=moment
    )
    db.execute(f"INSERT INTO event ({_COLUMNS}) VALUES ({_PLACES})", astuple(event))
    return event


def read(db: sqlite3.Connection, model: str | None = None) -> tuple[Event, ...]:
    """All events, or one model's, oldest first."""
    where, values = ("", ()) if model is None else ("WHERE model = ?", (model,))
    rows = db.execute(f"SELECT {_COLUMNS} FROM event {where} ORDER BY seq", values)
    names = [field.name for field in fields(Event)]
    return tuple(Event(**dict(zip(names, row, strict=True))) for row in rows)


def change_of(event: Event) -> Change:
    """The body of an event, read.

    Raises:
        IntegrityError: names the event.
    """
    try:
        return decode(Change, json.loads(event.body))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"event {event.seq}: its body cannot be read: {error}") from error


def check_chain(events: Iterable[Event]) -> None:
    """Compute every hash again.

    Raises:
        IntegrityError: names the first event that is missing, was edited, or does not follow the one before.
    """
    prev_hash = FIRST_PREV_HASH
    for seq, event in enumerate(events, start=1):
        if event.seq != seq:
            raise IntegrityError(f"event {seq}: missing, event {event.seq} comes next")
        if event.prev_hash != prev_hash:
            raise IntegrityError(f"event {seq}: does not follow event {seq - 1} as it is now")
        again = event_hash(seq, prev_hash, event.type, event.model, event.body, event.actor, event.idem, event.at)
        if event.hash != again:
            raise IntegrityError(f"event {seq}: was changed after it was written")
        prev_hash = event.hash
