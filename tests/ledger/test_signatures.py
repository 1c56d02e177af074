"""Whatever is done to signed events without the key that signed them is found."""

import random
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deciding import signed_by

from raytemplate.errors import IntegrityError, UsageError
from raytemplate.ledger.bodies import Grounds, KeyAdded, KeyRevoked
from raytemplate.ledger.chain import FIRST_PREV_HASH, examine
from raytemplate.ledger.events import Event, body_of, event_hash
from raytemplate.ledger.exported import export_lines, read_export
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.keyring import to_sign
from raytemplate.ledger.signing import Signer, new_private_key, signer_of
from raytemplate.records.judged import Actor

OLD = Path(__file__).parents[1] / "fixtures" / "workspace_0_1" / "workspace" / "governance.db"
ANN, GROUNDS = Actor(name="ann", reason="ü|x"), Grounds(plan="p", snapshot="s", evaluation_sha256="e")
START, MODEL = datetime(2013, 6, 1, tzinfo=UTC), "flights"
OURS, OTHER, EVE = (signer_of(new_private_key()) for _ in range(3))
NUM_MUTATED = 2000


def ledger_at(path: Path, signer: Signer = OURS) -> Ledger:
    return Ledger(path, lambda: START, lambda: signer)


def filled(ledger: Ledger) -> Ledger:
    """Event 1 adds the key; then three promotions, a waiting candidate and a rollback."""
    for term, digest in enumerate("abc"):
        ledger.promote(MODEL, digest, f"run-{digest}", START, term, ANN, GROUNDS)
    ledger.wait(MODEL, "d", "run-d", START, ANN, GROUNDS)
    ledger.rollback(MODEL, ANN)
    return ledger


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> tuple[Event, ...]:
    return filled(ledger_at(tmp_path_factory.mktemp("ledger") / "governance.db")).events()


def hashed_again(events: Iterable[Event], signer: Signer | None = None) -> list[Event]:
    """Numbered and hashed as a person who may write the file could do; signed again only with a signer."""
    found, before = list[Event](), FIRST_PREV_HASH
    for seq, event in enumerate(events, start=1):
        event = replace(event, seq=seq, prev_hash=before)
        event = replace(event, signature=signer.sign(to_sign(event))) if signer else event
        found.append(replace(event, hash=event_hash(event)))
        before = found[-1].hash
    return found


def test_an_honest_chain_has_no_fault_and_knows_its_key(events: Sequence[Event]) -> None:
    found = examine(events)
    (known,) = found.ring.keys.values()
    assert (found.faults, known.key, known.purpose, known.since) == ((), OURS.key, "promoter", 1)
    assert found.ring.signed_since == 1 and len(found.ring.ledger) == 16
    assert hashed_again(events, OURS) == list(events)  # signatures are deterministic


@pytest.mark.parametrize("name", [field.name for field in fields(Event)])
def test_any_field_of_any_event_that_is_edited_is_found(events: Sequence[Event], name: str) -> None:
    for index, event in enumerate(events):
        value = getattr(event, name)
        edited = replace(event, **{name: value + 1 if isinstance(value, int) else f"{value} "})
        changed = [*events[:index], edited, *events[index + 1 :]]
        assert examine(changed).faults
        if name not in ("seq", "prev_hash", "hash"):  # which are computed again
            assert examine(hashed_again(changed)).faults[0].startswith(f"event {event.seq}: ")


def without(events: Sequence[Event], index: int) -> list[Event]:
    return [*events[:index], *events[index + 1 :]]


def swapped(events: Sequence[Event], index: int) -> list[Event]:
    return [*events[:index], events[index + 1], events[index], *events[index + 2 :]]


def with_swapped_signatures(events: Sequence[Event], index: int) -> list[Event]:
    one, other = events[index : index + 2]
    both = (replace(one, signature=other.signature), replace(other, signature=one.signature))
    return [*events[:index], *both, *events[index + 2 :]]


def without_signature(events: Sequence[Event], index: int) -> list[Event]:
    return [*events[:index], replace(events[index], key="", signature=""), *events[index + 1 :]]


def by_an_unknown_key(events: Sequence[Event], index: int) -> list[Event]:
    (signed,) = hashed_again([replace(events[index], key=OTHER.key.id)], OTHER)
    return [*events[:index], replace(signed, seq=index + 1), *events[index + 1 :]]


@pytest.mark.parametrize("index", range(5))
@pytest.mark.parametrize(
    "forge", [without, swapped, with_swapped_signatures, without_signature, by_an_unknown_key], ids=lambda f: f.__name__
)
def test_a_forged_chain_is_found_even_if_every_hash_is_right(
    events: Sequence[Event], forge: Callable[[Sequence[Event], int], list[Event]], index: int
) -> None:
    forged = forge(events, index)
    assert examine(forged).faults
    assert examine(hashed_again(forged)).faults


def test_another_key_in_the_first_event_is_found(events: Sequence[Event]) -> None:
    first = replace(events[0], body=events[0].body.replace(OURS.key.text, OTHER.key.text))
    assert examine(hashed_again([first, *events[1:]])).faults[0] == (
        f"event 1: adds the promoter's key {OTHER.key.id}, but is signed by key {OURS.key.id}"
    )


def test_one_changed_byte_of_an_export_is_never_accepted(events: Sequence[Event], tmp_path: Path) -> None:
    path, chance = tmp_path / "ledger.jsonl", random.Random(7)
    text = "".join(f"{line}\n" for line in export_lines(examine(events))).encode()
    path.write_bytes(text)
    assert read_export(path) == examine(events)
    for _ in range(NUM_MUTATED):
        data, at = bytearray(text), chance.randrange(len(text) - 1)  # the last byte ends the last line
        data[at] ^= chance.randrange(1, 256)
        path.write_bytes(data)
        try:
            assert read_export(path).faults, data[max(0, at - 40) : at + 40]
        except IntegrityError:
            continue


def test_every_prefix_and_every_other_order_of_an_export_is_found(events: Sequence[Event], tmp_path: Path) -> None:
    path, lines = tmp_path / "ledger.jsonl", list(export_lines(examine(events)))
    for kept in (lines[:-1], lines[:1] + lines[2:], [lines[0], *reversed(lines[1:])], lines[:1], [*lines, lines[-1]]):
        path.write_text("\n".join(kept))
        assert read_export(path).faults


def test_a_second_promoter_adds_its_key_and_both_may_sign(tmp_path: Path) -> None:
    path = tmp_path / "governance.db"
    filled(ledger_at(path))
    ledger_at(path, OTHER).rollback(MODEL, ANN)
    ledger_at(path).promote(MODEL, "e", "run-e", START, 5, ANN, GROUNDS)
    ledger = ledger_at(path)
    assert ledger.faults() == ()
    added = [body for event in ledger.events() if isinstance(body := body_of(event), KeyAdded)]
    assert [body.key for body in added] == [OURS.key, OTHER.key] and len({body.ledger for body in added}) == 1
    assert [event.key for event in ledger.events()][-3:] == [OTHER.key.id, OTHER.key.id, OURS.key.id]


def test_a_revoked_key_signs_nothing_more_and_what_it_signed_stays_valid(tmp_path: Path) -> None:
    path = tmp_path / "governance.db"
    ours, other = filled(ledger_at(path)), ledger_at(path, OTHER)
    by_eve = signed_by(EVE, KeyRevoked(key=OURS.key.id, actor=ANN)).actor
    assert other.revoke(OURS.key.id[:6], by_eve).revoked == 9
    assert ours.revoke(OURS.key.id, by_eve).revoked == 9  # nothing more to do
    with pytest.raises(IntegrityError, match=r"the promoter key \w+ was revoked by event 9") as refused:
        ours.rollback(MODEL, ANN)
    assert refused.value.next_step == "raytemplate identity new --promoter"
    assert other.rollback(MODEL, ANN).head.version == 1
    assert other.faults() == ()
    late = hashed_again([*other.events(), replace(other.events()[-1], idem="x", key=OURS.key.id)], None)
    (signed,) = [replace(late[-1], signature=OURS.sign(to_sign(late[-1])))]
    assert examine([*late[:-1], replace(signed, hash=event_hash(signed))]).faults == (
        f"event {signed.seq}: is signed by key {OURS.key.id}, which event 9 revoked",
    )


def test_a_key_that_the_ledger_does_not_know_cannot_be_revoked(tmp_path: Path) -> None:
    ledger = ledger_at(tmp_path / "governance.db")
    with pytest.raises(UsageError, match='the ledger knows no key "abcdef"'):
        ledger.revoke("abcdef", ANN)
    assert not ledger.path.exists()


def test_events_without_signature_may_come_only_before_the_first_with_one(tmp_path: Path) -> None:
    shutil.copy(OLD, tmp_path / "governance.db")
    ledger = ledger_at(tmp_path / "governance.db")
    assert ledger.examine().ring.signed_since == 0
    ledger.rollback("pump-pressure", ANN)
    found = ledger.examine()
    assert (found.faults, found.ring.signed_since, found.ring.keys[OURS.key.id].since) == ((), 4, 4)
    unsigned = replace(found.events[4], key="", signature="")
    assert examine(hashed_again([*found.events[:4], unsigned])).faults == (
        "event 5: is not signed, unlike every event since 4",
    )
