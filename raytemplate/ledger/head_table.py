"""The table with each model's champion: derived from the events, and kept for reading and for compare-and-set."""

from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import Promotion, Rollback
from raytemplate.ledger.database import Transaction
from raytemplate.ledger.events import Event
from raytemplate.ledger.history import Head, moment
from raytemplate.records.codec import encode

_MOVE = """
INSERT INTO head (model, term, version, digest, run_id, seen_until, at, event_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (model) DO UPDATE SET
    term = excluded.term, version = excluded.version, digest = excluded.digest, run_id = excluded.run_id,
    seen_until = excluded.seen_until, at = excluded.at, event_seq = excluded.event_seq
WHERE head.term = excluded.term - 1
"""


def stored_heads(db: Transaction, model: str | None = None) -> dict[str, Head]:
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
            seen_until=moment(seen_until, f"the head of {name}"),
            at=moment(at, f"the head of {name}"),
            event_seq=event_seq,
        )
        for name, term, version, digest, run_id, seen_until, at, event_seq in rows
    }


def move_head(db: Transaction, event: Event, body: Promotion | Rollback) -> Head:
    """Point the model's head at `event`, inside the caller's write transaction.

    Raises:
        IntegrityError: the head is not in the preceding term.
    """
    seen_until = encode(body.seen_until)
    values = (body.term, body.version, body.digest, body.run_id, seen_until, event.at, event.seq)
    if db.execute(_MOVE, (event.model, *values)).rowcount != 1:
        raise IntegrityError(f"the head of {event.model} is not in term {body.term - 1}: event {event.seq} refused")
    return stored_heads(db, event.model)[event.model]
