"""Moving the head: promotions, repeats, held candidates, going back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from raytemplate.errors import ChampionMoved, UsageError
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.database import Database
from raytemplate.ledger.head import Ledger, Move
from raytemplate.records.codec import encode
from raytemplate.records.judged import Actor

ANN = Actor(name="ann")
GROUNDS = Grounds(plan="p", snapshot="s", evaluation_sha256="e")
START = datetime(2013, 6, 1, tzinfo=UTC)
MODEL = "flights"


def ticking() -> Iterator[datetime]:
    moment = START
    while True:
        yield moment
        moment += timedelta(hours=1)


@pytest.fixture
def ledger(database: Path | Database) -> Ledger:
    """PostgreSQL's clock is the real one."""
    times = ticking()
    return Ledger(database, lambda: next(times)) if isinstance(database, Path) else Ledger(database)


def promote(ledger: Ledger, digest: str, term: int, model: str = MODEL) -> Move:
    return ledger.promote(model, digest, f"run-{digest}", START, term, ANN, GROUNDS)


def wait(ledger: Ledger, digest: str, run_id: str = "") -> None:
    ledger.wait(MODEL, digest, run_id or f"run-{digest}", START, ANN, GROUNDS)


def states(ledger: Ledger) -> list[tuple[int, str, str]]:
    return [(v.version, v.digest, v.state) for v in ledger.history(MODEL).versions]


def test_reading_a_missing_ledger_finds_nothing_and_creates_nothing(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.history(MODEL).term == 0
    assert ledger.head(MODEL) is None
    assert ledger.history(MODEL).versions == ledger.models() == ledger.events() == ()
    assert ledger.faults() == ()
    with pytest.raises(UsageError, match="no champion of a model"):
        ledger.rollback(MODEL, ANN)
    assert list(tmp_path.iterdir()) == []


def test_promote_when_there_is_no_champion_makes_version_1(ledger: Ledger) -> None:
    move = promote(ledger, "a", 0)
    assert (move.outcome, move.previous) == ("promoted", None)
    head = move.head
    assert (head.model, head.term, head.version, head.digest, head.run_id) == (MODEL, 1, 1, "a", "run-a")
    assert (head.seen_until, head.event_seq, encode(head.at)) == (START, 2, ledger.events()[-1].at)
    assert ledger.head(MODEL) == head
    assert ledger.models() == (MODEL,)
    assert states(ledger) == [(1, "a", "champion")]


def test_promote_of_the_next_names_the_one_before(ledger: Ledger) -> None:
    first = promote(ledger, "a", 0).head
    move = promote(ledger, "b", 1)
    assert (move.head.version, move.head.term, move.previous) == (2, 2, first)
    assert states(ledger) == [(1, "a", "former"), (2, "b", "champion")]


def test_promote_of_the_champions_bytes_changes_nothing(ledger: Ledger) -> None:
    head = promote(ledger, "a", 0).head
    move = promote(ledger, "a", 1)
    assert move == Move(head=head, previous=head, outcome="unchanged")
    assert len(ledger.events(MODEL)) == 1


def test_promote_again_with_the_same_request_gets_the_first_result(ledger: Ledger) -> None:
    promote(ledger, "a", 0)
    first = promote(ledger, "b", 1)
    promote(ledger, "c", 2)
    assert promote(ledger, "b", 1) == first
    assert ledger.history(MODEL).term == 3


def test_promote_when_the_champion_moved_says_since_when_and_how_to_go_on(ledger: Ledger) -> None:
    promote(ledger, "a", 0)
    since = encode(promote(ledger, "b", 1).head.at)
    with pytest.raises(ChampionMoved) as caught:
        promote(ledger, "c", 1)
    assert caught.value.what == (
        f"the champion of flights is version 2 since {since} (run run-b), the evidence was taken against version 1"
    )
    assert caught.value.next_step == "raytemplate resume run-c"
    with pytest.raises(ChampionMoved, match="taken against no champion"):
        promote(ledger, "c", 0)
    with pytest.raises(ChampionMoved, match="term 9, which this ledger never reached"):
        promote(ledger, "c", 9)
    assert len(ledger.events(MODEL)) == 2


def test_names_of_models_are_compared_exactly(ledger: Ledger) -> None:
    for model in ("flights", "Flights", "flights "):
        assert promote(ledger, "a", 0, model).head.version == 1
    assert ledger.models() == ("Flights", "flights", "flights ")


def test_wait_makes_the_newest_held_candidate_the_challenger(ledger: Ledger) -> None:
    promote(ledger, "a", 0)
    wait(ledger, "b")
    assert states(ledger) == [(1, "a", "champion"), (2, "b", "challenger")]
    wait(ledger, "c")
    wait(ledger, "c")
    assert states(ledger) == [(1, "a", "champion"), (2, "b", "former"), (3, "c", "challenger")]
    wait(ledger, "b", "another-run")
    assert states(ledger) == [(1, "a", "champion"), (2, "b", "challenger"), (3, "c", "former")]
    assert (ledger.history(MODEL).term, len(ledger.events(MODEL))) == (1, 4)


def test_wait_before_there_is_a_champion_and_promote_keep_one_version_number(ledger: Ledger) -> None:
    held = ledger.wait(MODEL, "a", "run-a", START, ANN, GROUNDS)
    assert (held.version, held.state, ledger.head(MODEL)) == (1, "challenger", None)
    assert promote(ledger, "a", 0).head.version == 1
    assert states(ledger) == [(1, "a", "champion")]


def test_wait_with_the_champions_bytes_writes_nothing(ledger: Ledger) -> None:
    promote(ledger, "a", 0)
    assert ledger.wait(MODEL, "a", "run-z", START, ANN, GROUNDS).state == "champion"
    assert len(ledger.events(MODEL)) == 1


def test_rollback_twice_goes_back_two(ledger: Ledger) -> None:
    for term, digest in enumerate("abc"):
        promote(ledger, digest, term)
    move = ledger.rollback(MODEL, ANN)
    assert move.previous is not None
    assert (move.previous.version, move.head.version, move.head.term, move.head.run_id) == (3, 2, 4, "run-b")
    assert ledger.rollback(MODEL, ANN).head.version == 1
    with pytest.raises(UsageError, match=r"^version 1 is the first champion; nothing to go back to$"):
        ledger.rollback(MODEL, ANN)
    assert [e.type for e in ledger.events()] == ["key-added"] + ["promoted"] * 3 + ["rolled-back"] * 2
    assert ledger.faults() == ()


def test_rollback_after_a_promotion_that_followed_a_rollback_skips_what_was_put_aside(ledger: Ledger) -> None:
    promote(ledger, "a", 0)
    promote(ledger, "b", 1)
    ledger.rollback(MODEL, ANN)
    promote(ledger, "c", 3)
    assert ledger.rollback(MODEL, ANN).head.version == 1
    assert states(ledger) == [(1, "a", "champion"), (2, "b", "former"), (3, "c", "former")]


def test_rollback_to_a_version_goes_there_and_can_come_forward_again(ledger: Ledger) -> None:
    for term, digest in enumerate("abc"):
        promote(ledger, digest, term)
    assert ledger.rollback(MODEL, ANN, to_version=1).head.version == 1
    assert ledger.rollback(MODEL, ANN, to_version=3).head.version == 3
    assert ledger.rollback(MODEL, ANN).head.version == 1
    assert ledger.faults() == ()


def test_rollback_of_the_only_champion_is_refused(ledger: Ledger) -> None:
    promote(ledger, "a", 0)
    wait(ledger, "b")
    with pytest.raises(UsageError, match=r"^version 1 is the only champion; nothing to go back to$"):
        ledger.rollback(MODEL, ANN)
    with pytest.raises(UsageError, match="version 2 of flights was never champion; versions that were: 1"):
        ledger.rollback(MODEL, ANN, to_version=2)
    with pytest.raises(UsageError, match="version 1 is the champion of flights already"):
        ledger.rollback(MODEL, ANN, to_version=1)


def test_rollback_with_the_term_that_was_shown_is_refused_once_the_head_moved(ledger: Ledger) -> None:
    promote(ledger, "a", 0)
    promote(ledger, "b", 1)
    with pytest.raises(ChampionMoved):
        ledger.rollback(MODEL, ANN, expected_term=1)
    assert ledger.rollback(MODEL, ANN, expected_term=2).head.version == 1


def test_promote_of_bytes_that_were_rolled_back_keeps_their_version(ledger: Ledger) -> None:
    promote(ledger, "a", 0)
    promote(ledger, "b", 1)
    ledger.rollback(MODEL, ANN)
    assert promote(ledger, "b", 3).head.version == 2
    assert ledger.rollback(MODEL, ANN).head.version == 1
