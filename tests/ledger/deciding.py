"""What a person decides, signed as the person's own process does."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from raytemplate.ledger.bodies import Decided, content_of
from raytemplate.ledger.decisions import Decision, new_nonce, said
from raytemplate.ledger.signing import Signer

SomethingDecided = TypeVar("SomethingDecided", bound=Decided)


def signed_by(signer: Signer, body: SomethingDecided, model: str = "", ledger: str = "") -> SomethingDecided:
    """The body with the envelope of the person whom its actor names."""
    decision = Decision(
        action=body.type, ledger=ledger, model=model, run_id="", version=0, digest="", term=0, name=body.actor.name,
        reason=body.actor.reason, at=datetime(2013, 6, 1, tzinfo=UTC), nonce=new_nonce(), content=content_of(body),
    )  # fmt: skip
    return replace(body, actor=replace(body.actor, said=said(decision, signer)))
