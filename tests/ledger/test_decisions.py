"""What a person decides is signed by this person, kept as it was signed, and cannot be changed or used again."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deciding import signed_by

from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import Grounds, KeyAdded, KeyRevoked, Promotion
from raytemplate.ledger.chain import examine
from raytemplate.ledger.decisions import Decision, check_decision, new_nonce, read_decision, said
from raytemplate.ledger.events import Event, body_of, event_hash
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.keyring import to_sign
from raytemplate.ledger.signing import Signer, new_private_key, signer_of
from raytemplate.records.codec import canonical
from raytemplate.records.judged import Actor, Said

MODEL, START = "flights", datetime(2013, 6, 1, tzinfo=UTC)
GROUNDS = Grounds(plan="p", snapshot="s", evaluation_sha256="e")
PROMOTER, ANN, EVE = (signer_of(new_private_key()) for _ in range(3))
NUM_MUTATED = 2000
DECISION = Decision(
    action="promote", ledger="", model=MODEL, run_id="run-a", version=0, digest="a", term=0,
    name="ann", reason="it is ü|better", at=START, nonce=new_nonce(),
)  # fmt: skip


def ann(decision: Decision = DECISION, signer: Signer = ANN) -> Actor:
    return Actor(name=decision.name, reason=decision.reason, said=said(decision, signer))


def ledger_at(folder: Path) -> Ledger:
    return Ledger(folder / "governance.db", lambda: START, lambda: PROMOTER)


def promote(ledger: Ledger, decision: Decision = DECISION, actor: Actor | None = None) -> None:
    who = actor or ann(decision)
    ledger.promote(MODEL, decision.digest, decision.run_id, START, decision.term, who, GROUNDS)


def test_a_decision_is_kept_with_the_key_that_signed_it(tmp_path: Path) -> None:
    ledger = ledger_at(tmp_path)
    promote(ledger)
    later = replace(DECISION, digest="b", run_id="run-b", term=1, ledger=ledger.keyring().ledger)
    promote(ledger, later)
    found = ledger.examine()
    assert (found.faults, [event.type for event in found.events]) == (
        (),
        ["key-added", "key-added", "promoted", "promoted"],
    )
    known = found.ring.keys[ANN.key.id]
    assert (known.purpose, known.since, known.key) == ("identity", 2, ANN.key)
    body = body_of(found.events[-1])
    assert isinstance(body, Promotion) and body.actor.said and read_decision(body.actor.said) == later


def test_an_envelope_has_the_form_of_dsse() -> None:
    envelope = json.loads(said(DECISION, ANN).envelope)
    assert sorted(envelope) == ["payload", "payloadType", "signatures"]
    assert envelope["payloadType"] == "application/vnd.raytemplate.decision.v1+json"
    assert [sorted(one) for one in envelope["signatures"]] == [["keyid", "sig"]]


def test_one_changed_byte_of_an_envelope_is_never_accepted() -> None:
    signed, chance = said(DECISION, ANN), random.Random(7)
    data = signed.envelope.encode()
    for _ in range(NUM_MUTATED):
        changed, at = bytearray(data), chance.randrange(len(data))
        changed[at] ^= chance.randrange(1, 256)
        with pytest.raises(IntegrityError, match=r"^a decision cannot be trusted"):
            read_decision(Said(envelope=changed.decode(errors="replace"), public_key=signed.public_key))


def test_the_key_of_another_person_is_not_accepted() -> None:
    with pytest.raises(IntegrityError, match=f"it is not signed by key {EVE.key.id}"):
        read_decision(replace(said(DECISION, ANN), public_key=EVE.key.text))


OTHERWISE = {"action": "rollback", "model": "other", "run_id": "run-b", "version": 2, "digest": "b", "term": 1}


@pytest.mark.parametrize("name", [*OTHERWISE, "name", "reason"])
def test_a_decision_about_something_else_is_named(name: str) -> None:
    expected = {field: getattr(DECISION, field) for field in OTHERWISE}
    check_decision(ann(), **expected)
    actor = replace(ann(), **{name: "eve"}) if name in ("name", "reason") else ann()
    with pytest.raises(IntegrityError, match=f" has {name} "):
        check_decision(actor, **{**expected, **({name: OTHERWISE[name]} if name in OTHERWISE else {})})


def test_a_decision_that_is_not_signed_is_refused() -> None:
    with pytest.raises(IntegrityError, match="a decision by ann is not signed"):
        check_decision(Actor(name="ann"))


REFUSED: dict[str, Callable[[Ledger], Actor]] = {
    "for another term": lambda ledger: ann(replace(DECISION, digest="b", term=0)),
    "for other bytes": lambda ledger: ann(replace(DECISION, digest="c", term=1)),
    "for another ledger": lambda ledger: ann(replace(DECISION, digest="b", term=1, ledger="0123")),
    "used before": lambda ledger: ann(),
    "by a promoter's key": lambda ledger: ann(replace(DECISION, digest="b", term=1), PROMOTER),
}


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_is_written_on_a_decision(name: str, tmp_path: Path) -> None:
    ledger = ledger_at(tmp_path)
    promote(ledger)
    with pytest.raises(IntegrityError):
        promote(ledger, replace(DECISION, digest="b", term=1), REFUSED[name](ledger))
    assert (len(ledger.events()), ledger.faults()) == (3, ())


def test_a_revoked_identity_decides_nothing_more(tmp_path: Path) -> None:
    ledger = ledger_at(tmp_path)
    promote(ledger)
    ledger.revoke(ANN.key.id, signed_by(ANN, KeyRevoked(key=ANN.key.id, actor=Actor(name="ann"))).actor)
    with pytest.raises(IntegrityError, match=f"the identity key {ANN.key.id} was revoked by event 4") as refused:
        promote(ledger, replace(DECISION, digest="b", term=1))
    assert refused.value.next_step == "raytemplate identity new" and ledger.faults() == ()


def lying(event: Event, **changes: object) -> Event:
    """The event with another body, hashed and signed by the promoter's own key."""
    body = replace(body_of(event), **changes)  # type: ignore[arg-type]
    event = replace(event, body=canonical(body))
    event = replace(event, signature=PROMOTER.sign(to_sign(event)))
    return replace(event, hash=event_hash(event))


def test_a_promoter_cannot_put_words_into_a_persons_mouth(tmp_path: Path) -> None:
    ledger = ledger_at(tmp_path)
    promote(ledger)
    first, person, event = ledger.events()
    assert isinstance(body_of(person), KeyAdded)
    by_eve = said(DECISION, EVE)
    as_anns = replace(by_eve, public_key=ANN.key.text)
    for changes, told in (
        ({"digest": "f"}, "the signed decision of ann has digest 'a', expected 'f'"),
        ({"actor": replace(ann(), reason="no")}, "the signed decision of ann has reason "),
        ({"actor": replace(ann(), said=by_eve)}, f"its decision is signed by key {EVE.key.id}, which no earlier event"),
        ({"actor": replace(ann(), said=as_anns)}, "a decision cannot be trusted"),
    ):
        (fault,) = examine([first, person, lying(event, **changes)]).faults
        assert fault.startswith(f"event 3: {told}")
