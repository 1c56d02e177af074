"""Our envelopes and those of securesystemslib, the reference implementation of DSSE, are the same."""

import base64
import json
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from raytemplate.errors import IntegrityError
from raytemplate.ledger.decisions import DECISION_TYPE, Decision, read_decision, said
from raytemplate.ledger.signing import PublicKey, new_private_key, signed_bytes, signer_of
from raytemplate.records.codec import canonical
from raytemplate.records.judged import Said

PEM = new_private_key()
OURS = signer_of(PEM)
THEIR_KEY = SSlibKey(OURS.key.id, "ed25519", "ed25519", {"public": OURS.key.raw.hex()})
THEIRS = CryptoSigner(load_pem_private_key(PEM, password=None), THEIR_KEY)
DECISION = Decision(
    action="promote", ledger="1d0c5b2e7f88a9b3", model="flights", run_id="k7q2ab", version=0, digest="9d5a" * 16,
    term=3, name="ada", reason="it is ü|better\n", at=datetime(2013, 6, 1, tzinfo=UTC), nonce="0" * 32,
)  # fmt: skip


def test_theirs_verifies_ours() -> None:
    envelope = Envelope.from_dict(json.loads(said(DECISION, OURS).envelope))
    assert envelope.verify([THEIR_KEY], 1) == {OURS.key.id: THEIR_KEY}
    assert json.loads(envelope.payload)["reason"] == DECISION.reason
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify([THEIR_KEY], 1)


def test_ours_verifies_theirs() -> None:
    envelope = Envelope(canonical(DECISION).encode(), DECISION_TYPE, {})
    envelope.sign(THEIRS)
    theirs = Said(envelope=canonical(envelope.to_dict()), public_key=OURS.key.text)
    assert read_decision(theirs) == DECISION
    assert theirs == said(DECISION, OURS)
    with pytest.raises(IntegrityError, match="it is not signed by key"):
        read_decision(replace(theirs, public_key=signer_of(new_private_key()).key.text))


def test_what_is_signed_is_the_same_for_any_type_and_payload() -> None:
    chance = random.Random(7)
    for _ in range(300):
        kind = "".join(chance.choices("aä€ /+;\n", k=chance.randrange(20)))
        payload = chance.randbytes(chance.randrange(200))
        envelope = Envelope(payload, kind, {})
        assert envelope.pae() == signed_bytes(kind, payload)
        signature = base64.b64encode(bytes.fromhex(envelope.sign(THEIRS).signature)).decode()
        assert PublicKey(OURS.key.text).has_signed(signature, signed_bytes(kind, payload))
