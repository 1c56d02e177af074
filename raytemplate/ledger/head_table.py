"""The row that names each model's champion: what the events say, kept ready to read and to compare-and-set."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from raytemplate.errors import IntegrityError
from raytemplate.ledger.events import Change, Event
from raytemplate.ledger.history import Head
from raytemplate.records.codec import encode

_MOVE = """
INSERT INTO head (model, term, version, digest, run_id, seen_until, at, event_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (model) DO UPDATE SET
    term = excluded.term, version = excluded.version, digest = excluded.digest, run_id = excluded.run_id,
    seen_until = excluded.seen_until, at = excluded.at, event_seq = excluded.event_seq
WHERE head.term = excluded.term - 1
"""


def stored_heads(db: sqlite3.Connection, model: str | None = None) -> dict[str, Head]:
    """The champion of every model, or of one, by name. Model names are compared exactly."""
    where, values = ("", ()) if model is None else ("WHERE model = ?", (model,))
    rows = db.execute(
        f"SELECT model, term, version, digest, run_id, seen_until, at, event_seq FROM head {where} ORDER BY model",
        values,
    )
    return {
        name: Head(
            model=name,
            term=term,
            version=version,
            digest=digest,
            run_id=run_id,
            seen_until=_moment(seen_until),
            at=_moment(at),
            event_seq=event_seq,
        )
        for name, term, version, digest, run_id, seen_until, at, event_seq in rows
    }


def move_head(db: sqlite3.Connection, event: Event, change: Change) -> Head:
    """Point the model's head at `event`, inside the caller's write transaction.

    Raises:
        IntegrityError: the head is not in the term before.
    """
    seen_until = encode(change.seen_until)
    values = (change.term, change.version, change.digest, change.run_id, seen_until, event.at, event.seq)
    if db.execute(_MOVE, (event.model, *values)).rowcount != 1:
        raise IntegrityError(f"the head of {event.model} is not in term {change.term - 1}: event {event.seq} refused")
    return stored_heads(db, event.model)[event.model]


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (OverflowError, TypeError, ValueError) as error:
        raise IntegrityError(f"a head in the ledger has no readable time: {error}") from error
