"""An event of the ledger, with what is signed and hashed of it. Its content is in its body: see `ledger.bodies`."""

import json
from dataclasses import dataclass

from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import MEMBERS, Body, of_schema_1
from raytemplate.records.codec import canonical, decode
from raytemplate.store.digests import sha256_bytes

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
"""Writes as `records.codec.canonical` does, but lists of text and numbers only, for which it is much faster."""


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
    """Name of the model; "" if it concerns none."""

    body: str
    """Content of the event as JSON."""

    actor: str
    """Who asked for it."""

    idem: str
    """Idempotency key: equal for equal requests, each of which is done once."""

    at: str
    """Time in ISO format, UTC."""

    key: str = ""
    """Id of the key that signed it; "" in events of schemas 1 and 2, which are not signed."""

    signature: str = ""
    """That key's signature in base64; see `ledger.keyring`."""


def content(event: Event) -> str:
    """What is signed of an event, and in schemas 1 and 2 hashed: all but hash and signature. A JSON list separates the
    fields whatever they contain."""
    told = [event.seq, event.prev_hash, event.type, event.model, event.body, event.actor, event.idem, event.at]
    return _ENCODER.encode([*told, event.key] if event.key or event.signature else told)


def event_hash(event: Event) -> str:
    """The digest of everything in an event but its hash."""
    return hash_of(content(event), event.signature)


def hash_of(text: str, signature: str) -> str:
    """The digest of an event's content and its signature."""
    return sha256_bytes((f"{text}{signature}" if signature else text).encode())


def idempotency_key(*parts: object) -> str:
    """The key of a request; equal parts give the same key."""
    return sha256_bytes(canonical(list(parts)).encode())


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
