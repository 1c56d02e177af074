"""Snapshots that are frozen or revoked: what the ledger refuses then, in the transaction itself."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from deciding import signed_by

from raytemplate.errors import Refused
from raytemplate.ledger.bodies import Grounds, SnapshotFrozen, SnapshotRevoked
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.signing import new_private_key, signer_of
from raytemplate.ledger.snapshots import mark_of
from raytemplate.records.judged import Actor
from raytemplate.records.marked import MarkKind

MODEL, NOW = "flights", datetime(2013, 6, 1, tzinfo=UTC)
PROMOTER, ANN = (signer_of(new_private_key()) for _ in range(2))
NOBODY, WITH_REASON = Actor(name="ann"), Actor(name="ann", reason="the newest is worse")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "governance.db", lambda: NOW, lambda: PROMOTER)


def mark(ledger: Ledger, snapshot: str, kind: MarkKind = "revoked") -> None:
    body: SnapshotFrozen | SnapshotRevoked = mark_of(
        kind, snapshot, f"flights@{snapshot}", "", Actor(name="ann", reason="wrong labels")
    )
    ledger.record(signed_by(ANN, body))


def promote(ledger: Ledger, digest: str, *behind: str) -> int:
    """A candidate whose own snapshot is named as it is, but for an "s"."""
    grounds = Grounds(plan="p", snapshot=f"s{digest}", evaluation_sha256="e", made_from=behind)
    term = ledger.history(MODEL).term
    return ledger.promote(MODEL, digest, f"run-{digest}", NOW, term, NOBODY, grounds).head.version


@pytest.mark.parametrize(
    ("kind", "snapshot", "behind", "promoted"),
    [
        ("revoked", "sa", (), False),
        ("revoked", "parent", ("parent",), False),
        ("revoked", "other", ("parent",), True),
        ("frozen", "sa", (), True),
    ],
)
def test_a_promotion_is_refused_in_the_transaction(
    ledger: Ledger, kind: MarkKind, snapshot: str, behind: tuple[str, ...], promoted: bool
) -> None:
    mark(ledger, snapshot, kind)
    if promoted:
        assert promote(ledger, "a", *behind) == 1
        return
    what = f"run run-a has seen flights@{snapshot}, revoked by ann on 2013-06-01: wrong labels; nothing was promoted"
    with pytest.raises(Refused, match=what):
        promote(ledger, "a", *behind)
    assert ledger.head(MODEL) is None and ledger.faults() == ()


def test_a_rollback_names_the_version_that_may_be_gone_back_to(ledger: Ledger) -> None:
    for digest in "abc":
        promote(ledger, digest)
    mark(ledger, "sb")
    for version in (None, 2):
        with pytest.raises(Refused, match="version 2 of flights has seen flights@sb") as refused:
            ledger.rollback(MODEL, WITH_REASON, to_version=version)
        assert refused.value.next_step == "raytemplate rollback flights/1"
    assert ledger.rollback(MODEL, NOBODY, to_version=1).head.version == 1


def test_where_every_other_version_saw_one_a_person_may_name_it_with_a_reason(ledger: Ledger) -> None:
    for digest in "ab":
        promote(ledger, digest)
    mark(ledger, "sa")
    for actor, version in ((WITH_REASON, None), (NOBODY, 1)):
        with pytest.raises(Refused, match="no other version that was champion is left") as refused:
            ledger.rollback(MODEL, actor, to_version=version)
        assert refused.value.next_step == 'raytemplate rollback flights/1 --reason "..."'
    assert ledger.rollback(MODEL, WITH_REASON, to_version=1).head.version == 1


def test_versions_tell_what_they_have_seen_and_marks_are_counted_once(ledger: Ledger) -> None:
    promote(ledger, "a", "parent")
    for _ in range(2):
        mark(ledger, "parent", "frozen")
    mark(ledger, "parent")
    assert ledger.seen(MODEL) == {1: ("sa", "parent")}
    assert [(one.kind, one.name, one.event) for one in ledger.marks()] == [
        ("frozen", "flights@parent", 4), ("revoked", "flights@parent", 6),
    ]  # fmt: skip
