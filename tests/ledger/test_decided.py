"""What a person decides beside moves of the champion: signed whole, added once, and found if it is changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deciding import signed_by

from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import (
    Decided,
    KeyRevoked,
    SettingsChanged,
    SnapshotFrozen,
    SnapshotRevoked,
    Waived,
)
from raytemplate.ledger.chain import append
from raytemplate.ledger.database import writing
from raytemplate.ledger.events import body_of
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.signing import new_private_key, signer_of
from raytemplate.records.judged import Actor

NOW, NOBODY = datetime(2013, 6, 1, tzinfo=UTC), Actor(name="ann", reason="because")
PROMOTER, ANN = (signer_of(new_private_key()) for _ in range(2))
BODIES: tuple[Decided, ...] = (
    Waived(run_id="run-a", digest="d", gate="latency", expires=NOW + timedelta(days=7), actor=NOBODY),
    SnapshotFrozen(snapshot="s", name="flights@3f7f16", actor=NOBODY),
    SnapshotRevoked(snapshot="s", name="flights@3f7f16", actor=NOBODY),
    SettingsChanged(settings="{}", actor=NOBODY),
    KeyRevoked(key="k", actor=NOBODY),
)
pytestmark = pytest.mark.parametrize("body", BODIES, ids=lambda body: body.type)


def ledger_at(folder: Path) -> Ledger:
    return Ledger(folder / "governance.db", lambda: NOW, lambda: PROMOTER)


def by_ann(body: Decided, model: str = "") -> Decided:
    return signed_by(ANN, body, model)


def test_it_is_added_once(tmp_path: Path, body: Decided) -> None:
    if isinstance(body, KeyRevoked):
        body = replace(body, key=PROMOTER.key.id)
    ledger, asked = ledger_at(tmp_path), by_ann(body, "flights")
    first, again = ledger.record(asked, "flights"), ledger.record(asked, "flights")
    assert (first, body_of(first), len(ledger.events()), ledger.faults()) == (again, asked, 3, ())
    assert ledger.history("flights").heads == ()


def test_without_an_envelope_or_with_that_of_another_nothing_is_added(tmp_path: Path, body: Decided) -> None:
    ledger, other = ledger_at(tmp_path), next(one for one in BODIES if one.type != body.type)
    for actor, model in [(NOBODY, ""), (by_ann(other).actor, ""), (by_ann(body, "flights").actor, "other")]:
        with pytest.raises(IntegrityError):
            ledger.record(replace(body, actor=actor), model)
    assert not ledger.path.exists()


def test_one_that_a_promoter_made_up_is_found(tmp_path: Path, body: Decided) -> None:
    ledger = ledger_at(tmp_path)
    with pytest.raises(IntegrityError, match="is not signed"), writing(ledger.path) as db:
        append(db, "", body, idem="made up", at=NOW, signer=PROMOTER)
    assert ledger.events() == ()
