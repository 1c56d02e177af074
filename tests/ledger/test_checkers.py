"""A chain that is checked in several processes has the same faults as one that is checked in one."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from raytemplate.ledger import checkers
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.chain import examine
from raytemplate.ledger.events import Event, event_hash
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.signing import new_private_key, signer_of
from raytemplate.records.judged import Actor

START, OURS, OTHER = datetime(2013, 6, 1, tzinfo=UTC), *(signer_of(new_private_key()) for _ in range(2))


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Event 1 adds the key; four promotions."""
    made = Ledger(tmp_path_factory.mktemp("ledger") / "governance.db", lambda: START, lambda: OURS)
    grounds = Grounds(plan="p", snapshot="s", evaluation_sha256="e")
    for term, digest in enumerate("abcd"):
        made.promote("flights", digest, "run-a", START, term, Actor(name="ü|x"), grounds)
    return made


def hashed(event: Event) -> Event:
    return replace(event, hash=event_hash(event))


SPOILT: dict[str, Callable[[Event], Event]] = {
    "honest": lambda event: event,
    "edited": lambda event: replace(event, actor="eve"),
    "edited and hashed": lambda event: hashed(replace(event, actor="eve")),
    "signed by another key": lambda event: hashed(replace(event, signature=OTHER.sign(b"x"))),
    "not text": lambda event: replace(event, model=b"flights"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", SPOILT)
def test_both_ways_find_the_same(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(checkers, "LEAST_EVENTS", 2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    first, second, third, *rest = ledger.events()
    events: Sequence[Event] = (first, second, SPOILT[name](third), *rest)
    signed_by = checkers.check_ahead(events)()
    shown = "" if name != "honest" else OURS.key.text
    assert list(signed_by) == [OURS.key.text, OURS.key.text, shown, OURS.key.text, OURS.key.text]
    assert examine(events, signed_by) == examine(events) and bool(examine(events).faults) == (name != "honest")
    assert ledger.examine() == examine(ledger.events())


def test_a_process_that_does_not_start_leaves_the_work_here(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkers, "LEAST_EVENTS", 2)
    monkeypatch.setattr(sys, "executable", str(Path(ledger.path.parent, "none")))
    assert set(checkers.check_ahead(ledger.events())()) == {""} and ledger.faults() == ()
