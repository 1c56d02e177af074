"""What a person decides, as an envelope that this person's key has signed. Events keep it as it was signed.

The envelope is one of DSSE, https://github.com/secure-systems-lab/dsse, with a JSON document inside.
"""

import base64
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from raytemplate.errors import IntegrityError
from raytemplate.ledger.signing import PublicKey, Signer, signed_bytes, to_base64
from raytemplate.records.codec import canonical, decode
from raytemplate.records.judged import Actor, Said

DECISION_TYPE = "application/vnd.raytemplate.decision.v1+json"
"""DSSE's payload type of a decision."""


Action = Literal[
    "judge",
    "promote",
    "rollback",
    "key-revoked",
    "waived",
    "snapshot-frozen",
    "snapshot-revoked",
    "settings-changed",
    "restored",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What a person asks for, and what the person saw then."""

    action: Action
    """What is to be done: a move of the champion, the type of the event that is asked for, or "judge": a run that has
    ended asks a team's promoter to judge it, which approves nothing."""

    ledger: str
    """Id of the ledger; "" if it had none yet."""

    model: str
    """Name of the model."""

    run_id: str
    """The run whose candidate is promoted; for a rollback, the run that made the version."""

    version: int
    """The version to go back to; 0 for a promotion, which gives the number."""

    digest: str
    """Digest of the files that become the champion."""

    term: int
    """The counter when this was asked for, as `ledger.terms.term_now` gives it."""

    name: str
    """The person, as the machine says."""

    reason: str
    """The reason, in the person's words."""

    at: datetime
    """When this was asked for, by the clock of the person's machine."""

    nonce: str
    """Random, so that no two decisions are equal."""

    content: str = ""
    """What the event is to say, as `ledger.bodies.content_of` gives it; "" for a move of the champion."""


def new_nonce() -> str:
    """For one decision."""
    return secrets.token_hex(16)


def said(decision: Decision, signer: Signer) -> Said:
    """The decision in an envelope."""
    payload = canonical(decision).encode()
    signature = {"keyid": signer.key.id, "sig": signer.sign(signed_bytes(DECISION_TYPE, payload))}
    envelope = {"payloadType": DECISION_TYPE, "payload": to_base64(payload), "signatures": [signature]}
    return Said(envelope=canonical(envelope), public_key=signer.key.text)


def key_of(what: Said) -> PublicKey:
    """The key that comes with an envelope.

    Raises:
        IntegrityError: it cannot be read.
    """
    try:
        return PublicKey.of(what.public_key)
    except ValueError as error:
        raise IntegrityError(f"the key of a decision cannot be read: {error}") from error


def read_decision(what: Said) -> Decision:
    """The decision in an envelope, whose signature is checked.

    Raises:
        IntegrityError: it is not signed by its key, or written in another way than `said` does.
    """
    key = key_of(what)
    try:
        envelope = json.loads(what.envelope)
        payload = base64.b64decode(envelope["payload"], validate=True)
        (signature,) = envelope["signatures"]
        decision = decode(Decision, json.loads(payload))
        same = canonical(envelope) == what.envelope and to_base64(payload) == envelope["payload"]
        named = (envelope["payloadType"], signature["keyid"]) == (DECISION_TYPE, key.id)
        signed = key.has_signed(signature["sig"], signed_bytes(envelope["payloadType"], payload))
        if not (same and named and signed and canonical(decision).encode() == payload):
            raise ValueError(f"it is not signed by key {key.id}")
        return decision
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise IntegrityError(f"a decision cannot be trusted: {error}") from error


def check_decision(actor: Actor, **expected: object) -> Said:
    """Check that a person's envelope says what is being done in that person's name, and return the envelope.

    Args:
        expected: fields of the decision and their values.

    Raises:
        IntegrityError: there is no envelope, its signature is wrong, or it says something else; names the first field.
    """
    if actor.said is None:
        raise IntegrityError(f"a decision by {actor.name} is not signed")
    decision = read_decision(actor.said)
    for name, value in {**expected, "name": actor.name, "reason": actor.reason}.items():
        if getattr(decision, name) != value:
            found = getattr(decision, name)
            raise IntegrityError(f"the signed decision of {actor.name} has {name} {found!r}, expected {value!r}")
    return actor.said
