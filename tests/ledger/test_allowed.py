"""A promoter that has the key, but lets through what the ledger forbids, is found by whoever verifies the ledger."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deciding import signed_by

from raytemplate.ledger.bodies import Grounds, Promotion, SnapshotRevoked, Waived
from raytemplate.ledger.chain import append
from raytemplate.ledger.database import writing
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.signing import new_private_key, signer_of
from raytemplate.records.judged import Actor, Waiver

MODEL, NOW, WEEK = "flights", datetime(2013, 6, 1, tzinfo=UTC), timedelta(days=7)
PROMOTER, ANN = (signer_of(new_private_key()) for _ in range(2))
ADA = Actor(name="ada", reason="so")
WAIVED = Waived(run_id="run-a", digest="a", gate="latency", expires=NOW + WEEK, actor=ADA)
GRANTED = Waiver(gate="latency", person="ada", reason="so", expires=NOW + WEEK, event=3)
NOT_IN_FORCE = ("event 4: rests on a waiver of latency that was not in force",)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "governance.db", lambda: NOW, lambda: PROMOTER)


def promoted_all_the_same(ledger: Ledger, at: datetime, *waivers: Waiver, digest: str = "a") -> tuple[str, ...]:
    grounds = Grounds(plan="p", snapshot="s", evaluation_sha256="e", waivers=waivers)
    actor = Actor(name="ada", automatic=True)
    body = Promotion(
        term=1, version=1, digest=digest, run_id="run-a", seen_until=NOW, actor=actor, grounds=grounds
    )  # fmt: skip
    with writing(ledger.path) as db:
        append(db, MODEL, body, idem="i", at=at, signer=PROMOTER)
    return tuple(fault for fault in ledger.faults() if "the head" not in fault)


@pytest.mark.parametrize(
    ("at", "digest", "faults"),
    [(NOW, "a", ()), (NOW + WEEK, "a", NOT_IN_FORCE), (NOW, "b", NOT_IN_FORCE)],
    ids=["in force", "expired", "another candidate"],
)
def test_a_waiver_must_have_been_in_force(ledger: Ledger, at: datetime, digest: str, faults: tuple[str, ...]) -> None:
    ledger.record(signed_by(ANN, WAIVED, MODEL), MODEL)
    assert promoted_all_the_same(ledger, at, GRANTED, digest=digest) == faults


def test_what_has_seen_a_snapshot_that_was_revoked_before_is_named(ledger: Ledger) -> None:
    ledger.record(signed_by(ANN, SnapshotRevoked(snapshot="s", name="flights@s", actor=ADA)))
    assert promoted_all_the_same(ledger, NOW) == (
        "event 4: promotes what has seen a snapshot that event 3 revoked",
    )  # fmt: skip
