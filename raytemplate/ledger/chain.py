"""The chain of events: each holds the hash of the one before and is signed, so that no later edit goes unnoticed."""

import secrets
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from itertools import repeat
from operator import attrgetter

from raytemplate.errors import Forbidden, IntegrityError
from raytemplate.ledger.allowed import faults_of_promotions
from raytemplate.ledger.bodies import Body, KeyAdded, KeyRevoked, SettingsChanged
from raytemplate.ledger.database import Transaction
from raytemplate.ledger.decisions import key_of
from raytemplate.ledger.events import Event, event_hash, idempotency_key
from raytemplate.ledger.keyring import Keyring, to_sign
from raytemplate.ledger.signing import PublicKey, Purpose, Signer
from raytemplate.records.codec import canonical, encode
from raytemplate.records.judged import Actor

FIRST_PREV_HASH = "0" * 64
_NAMES = tuple(each.name for each in fields(Event))
_INSERT = f"INSERT INTO event ({', '.join(_NAMES)}) VALUES ({', '.join('?' for _ in _NAMES)})"
_TO_LIST = 'raytemplate ledger settings governance.yaml --reason "..."    # by a person whose key is listed'
_VALUES, _KINDS = attrgetter(*_NAMES), (int, *[str] * (len(_NAMES) - 1))
_OF_KEYS = f"e.type IN ('{KeyAdded.type}', '{KeyRevoked.type}', '{SettingsChanged.type}')"
"""Selects the events that say which keys count."""


def append(db: Transaction, model: str, body: Body, *, idem: str, at: datetime, signer: Signer) -> Event:
    """Add one event at the end of the chain, inside the caller's write transaction. A key that the ledger does not know
    is added first, by an event of its own.

    Args:
        at: the moment of the event, read inside the transaction; see `Transaction.moment`.

    Raises:
        IntegrityError: the event before it was edited, and nothing may be built on that; or the key was revoked.
        Forbidden: the settings in force do not list the promoter's key, or the person's.
    """
    db.add_columns()
    ring, before = Keyring(), None
    for before, hash_before in _rows(db, f"WHERE {_OF_KEYS} OR e.seq = (SELECT max(seq) FROM event) ORDER BY e.seq"):
        _raise(_fault(before, hash_before) or ring.follow(before))
    if refusal := ring.refusal(signer.key):
        raise IntegrityError(refusal, next_step="raytemplate identity new --promoter")
    if refusal := ring.unlisted(signer.key, "promoter", body.type):
        raise Forbidden(refusal, next_step=_TO_LIST)
    if signer.key.id not in ring.keys:
        added = _added(signer.key, "promoter", ring.ledger or secrets.token_hex(8), body.actor)
        before = _insert(db, before, "", added, idempotency_key(added.type, signer.key.id), at, signer)
        _raise(ring.follow(before))
    if body.actor.said is not None:
        person = key_of(body.actor.said)
        if refusal := ring.refusal(person, "identity"):
            raise IntegrityError(refusal, next_step="raytemplate identity new")
        if refusal := ring.unlisted(person, "identity"):
            raise Forbidden(refusal, next_step=_TO_LIST)
        if person.id not in ring.keys:
            added = _added(person, "identity", ring.ledger, body.actor)
            before = _insert(db, before, "", added, idempotency_key(added.type, person.id), at, signer)
            _raise(ring.follow(before))
    event = _insert(db, before, model, body, idem, at, signer)
    _raise(ring.follow(event))  # nothing is written that `examine` would find fault with
    return event


def _added(key: PublicKey, purpose: Purpose, ledger: str, actor: Actor) -> KeyAdded:
    name, asks = f"{actor.name}@{socket.gethostname()}", Actor(name=actor.name, automatic=actor.automatic)
    return KeyAdded(ledger=ledger, public_key=key.text, purpose=purpose, name=name, actor=asks)


def _insert(
    db: Transaction, before: Event | None, model: str, body: Body, idem: str, at: datetime, signer: Signer
) -> Event:
    plain = Event(
        seq=before.seq + 1 if before else 1,
        prev_hash=before.hash if before else FIRST_PREV_HASH,
        hash="",
        type=body.type,
        model=model,
        body=canonical(body),
        actor=body.actor.name,
        idem=idem,
        at=str(encode(at)),
        key=signer.key.id,
    )
    signed = replace(plain, signature=signer.sign(to_sign(plain)))
    event = replace(signed, hash=event_hash(signed))
    db.execute(_INSERT, _VALUES(event))
    return event


def copy(db: Transaction, event: Event) -> None:
    """Add an event as it is, at the end of the chain. The caller has checked it."""
    db.execute(_INSERT, _VALUES(event))


def read(db: Transaction, model: str, *, with_signatures: bool = False) -> tuple[Event, ...]:
    """One model's events, oldest first, with the hash of each and its link to the event before it checked.

    Args:
        with_signatures: whether to check their signatures too. What decides does; a look checks only that a key signs
            them that the ledger knows.

    Raises:
        IntegrityError: names the first event that was edited.
    """
    found, ring = list[Event](), Keyring(with_signatures=with_signatures)
    for event, before in _rows(db, f"WHERE e.model = ? OR {_OF_KEYS} ORDER BY e.seq", model):
        _raise(_fault(event, before) or ring.follow(event))
        found += [event] if event.model == model else []
    return tuple(found)


def read_all(db: Transaction) -> tuple[Event, ...]:
    """Every event, oldest first, unchecked."""
    rows = db.execute(f"SELECT {_columns(db)} FROM event e {db.unindexed} ORDER BY e.seq")
    return tuple(Event(**dict(zip(_NAMES, row, strict=True))) for row in rows)


def last(db: Transaction) -> Event | None:
    """The last event, unchecked."""
    return next((event for event, _ in _rows(db, "ORDER BY e.seq DESC LIMIT 1")), None)


def keyring(db: Transaction, *, with_signatures: bool = False) -> Keyring:
    """The keys that the ledger knows, with the events that add and revoke them checked.

    Raises:
        IntegrityError: names the first of them that was edited.
    """
    ring = Keyring(with_signatures=with_signatures)
    for event, before in _rows(db, f"WHERE {_OF_KEYS} ORDER BY e.seq"):
        _raise(_fault(event, before) or ring.follow(event))
    return ring


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """A whole chain, and what was found out about it."""

    events: tuple[Event, ...] = ()
    """All events, oldest first."""

    ring: Keyring = field(default_factory=Keyring)
    """The keys that they add, and the ledger's id."""

    faults: tuple[str, ...] = ()
    """Everything that is wrong, one line each."""


def examine(events: Sequence[Event], signed_by: Sequence[str] = ()) -> Examined:
    """Find everything wrong with a whole chain: events that are missing, edited, not signed as they must be, or do not
    follow the one before.

    Args:
        signed_by: what `checkers.check_ahead` found of each event; empty if all is to be checked here.
    """
    found: list[str] = []
    seq, before, ring = 0, FIRST_PREV_HASH, Keyring()
    for event, key in zip(events, signed_by or repeat(""), strict=bool(signed_by)):
        if event.seq != seq + 1:
            found.append(f"event {seq + 1}: missing, event {event.seq} comes next")
            before = event.prev_hash
        fault = _fault(event, before, is_hashed=bool(key))
        unsigned = ring.follow(event, key) if _is_text(event) else ""  # also after a fault, since it takes up keys
        if fault or unsigned:
            found.append(fault or unsigned)
        seq, before = event.seq, event.hash
    found += faults_of_promotions(events)
    return Examined(events=tuple(events), ring=ring, faults=tuple(found))


def _rows(db: Transaction, which: str, *values: str) -> Iterator[tuple[Event, str]]:
    """Events, each with the stored hash of the one before it."""
    source = f"event e {db.unindexed} LEFT JOIN event before ON before.seq = e.seq - 1"
    for *row, before in db.execute(f"SELECT {_columns(db)}, before.hash FROM {source} {which}", values):
        event = Event(**dict(zip(_NAMES, row, strict=True)))
        yield event, FIRST_PREV_HASH if before is None and event.seq == 1 else str(before)


def _columns(db: Transaction) -> str:
    there = db.columns()
    return ", ".join(f"e.{name}" if name in there else "''" for name in _NAMES)


def _raise(fault: str) -> None:
    if fault:
        raise IntegrityError(fault)


def _fault(event: Event, before: str, *, is_hashed: bool = False) -> str:
    """What is wrong with one event, apart from its signature; "" if nothing is.

    Args:
        before: the stored hash of the event before it.
        is_hashed: whether its own hash was found to be right already.
    """
    if not _is_text(event) or not (is_hashed or event.hash == event_hash(event)):
        return f"event {event.seq}: was changed after it was written"
    if event.prev_hash != before:
        return f"event {event.seq}: does not follow event {event.seq - 1} as it is now"
    return ""


def _is_text(event: Event) -> bool:
    """Whether all columns have the types that were written; a damaged table may have others."""
    return tuple(map(type, _VALUES(event))) == _KINDS
