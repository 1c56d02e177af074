"""Waivers in the ledger: how long they last, for which candidate, and what a promotion that rests on one needs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deciding import signed_by

from raytemplate.errors import IntegrityError, Refused, UsageError
from raytemplate.ledger.bodies import Grounds, Waived
from raytemplate.ledger.events import body_of
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.signing import new_private_key, signer_of
from raytemplate.records.judged import Actor, Waiver

MODEL, RUN, DIGEST = "flights", "run-a", "a"
NOW, SECOND, DAY = datetime(2013, 6, 1, tzinfo=UTC), timedelta(seconds=1), timedelta(days=1)
PROMOTER, ANN = (signer_of(new_private_key()) for _ in range(2))
BODY = Waived(run_id=RUN, digest=DIGEST, gate="latency", expires=NOW + 7 * DAY, actor=Actor(name="ann", reason="so"))


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Ledger:
    return Ledger(tmp_path / "governance.db", clock, lambda: PROMOTER)


def grant(ledger: Ledger, model: str = MODEL, **changes: object) -> tuple[Waiver, ...]:
    ledger.record(signed_by(ANN, replace(BODY, **changes), model), model)
    return ledger.waivers(MODEL, run_id=RUN, digest=DIGEST)


def promote(ledger: Ledger, *waivers: Waiver) -> int:
    grounds = Grounds(plan="p", snapshot="s", evaluation_sha256="e", waivers=waivers)
    return ledger.promote(MODEL, DIGEST, RUN, NOW, 0, Actor(name="ann"), grounds).head.version


@pytest.mark.parametrize(
    ("after", "allowed"),
    [(-DAY, False), (0 * DAY, False), (SECOND, True), (30 * DAY, True), (30 * DAY + SECOND, False), (365 * DAY, False)],
    ids=str,
)
def test_it_lasts_30_days_at_most_by_the_ledgers_clock(ledger: Ledger, after: timedelta, allowed: bool) -> None:
    if allowed:
        (waiver,) = grant(ledger, expires=NOW + after)
        assert (waiver.expires, waiver.person, waiver.reason, waiver.event) == (NOW + after, "ann", "so", 3)
        return
    with pytest.raises(UsageError, match="expected a time after 2013-06-01 and not after 2013-07-01 UTC"):
        grant(ledger, expires=NOW + after)
    assert not ledger.path.exists()


@pytest.mark.parametrize(
    ("since", "promoted"),
    [(0 * DAY, True), (-40 * DAY, True), (7 * DAY - SECOND, True), (7 * DAY, False), (8 * DAY, False)],
    ids=str,
)
def test_a_promotion_needs_it_unexpired_when_it_is_committed(
    ledger: Ledger, clock: Clock, since: timedelta, promoted: bool
) -> None:
    (waiver,) = grant(ledger)
    clock.now = NOW + since
    if promoted:
        assert promote(ledger, waiver) == 1
        assert body_of(ledger.events(MODEL)[-1]).grounds.waivers == (waiver,)  # type: ignore[union-attr]
        return
    with pytest.raises(Refused, match="the waiver of latency by ann until 2013-06-08 UTC has expired; nothing was"):
        promote(ledger, waiver)
    assert ledger.head(MODEL) is None


def test_a_clock_that_is_set_back_does_not_bring_it_back(ledger: Ledger, clock: Clock) -> None:
    (waiver,) = grant(ledger)
    clock.now = NOW + 8 * DAY
    grant(ledger, gate="metric-limit", expires=clock.now + DAY)
    clock.now = NOW
    assert ledger.now() == NOW + 8 * DAY
    with pytest.raises(Refused, match="has expired"):
        promote(ledger, waiver)


@pytest.mark.parametrize("field", ["gate", "person", "reason", "expires", "event"])
def test_one_that_says_something_else_than_the_ledger_is_refused(ledger: Ledger, field: str) -> None:
    (waiver,) = grant(ledger)
    other = {"expires": NOW + 20 * DAY, "event": 2}.get(field, "other")
    with pytest.raises(Refused, match="is not the one that the ledger holds; nothing was promoted"):
        promote(ledger, replace(waiver, **{field: other}))  # type: ignore[arg-type]
    assert ledger.head(MODEL) is None


@pytest.mark.parametrize("changes", [{"run_id": "run-b"}, {"digest": "b"}, {"model": "other"}], ids=str)
def test_one_for_another_candidate_counts_for_none_but_that(ledger: Ledger, changes: dict[str, str]) -> None:
    assert grant(ledger, **changes) == ()


def test_one_of_another_ledger_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    grant(ledger)
    other = Ledger(tmp_path / "other.db", ledger.clock, lambda: PROMOTER)
    body = signed_by(ANN, BODY, MODEL, ledger=ledger.keyring().ledger)
    with pytest.raises(IntegrityError, match="its decision is for ledger"):
        other.record(body, MODEL)
    assert other.events() == ()


def test_the_newest_of_a_gate_counts_also_if_it_ends_sooner(ledger: Ledger, clock: Clock) -> None:
    (first,) = grant(ledger)
    (second,) = grant(ledger, expires=NOW + SECOND)
    assert (second.event, second.expires) == (first.event + 1, NOW + SECOND)
    with pytest.raises(Refused, match="is not the one"):
        promote(ledger, first)
    assert promote(ledger, second) == 1


def test_one_reading_of_the_clock_decides_and_is_the_events_time(ledger: Ledger, clock: Clock) -> None:
    (waiver,) = grant(ledger)
    clock.now = waiver.expires - SECOND
    ticking = Ledger(ledger.path, lambda: _tick(clock), lambda: PROMOTER)
    assert promote(ticking, waiver) == 1
    assert ledger.faults() == ()


def _tick(clock: Clock) -> datetime:
    clock.now += SECOND / 2
    return clock.now
