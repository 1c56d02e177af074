"""Settings in force say whose keys count: of people who decide, and of promoters that sign."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deciding import signed_by

from raytemplate.errors import Forbidden
from raytemplate.ledger.bodies import Grounds, Waived
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.settings import change_to
from raytemplate.ledger.signing import Signer, new_private_key, signer_of
from raytemplate.records.governed import GovernanceSettings
from raytemplate.records.judged import Actor

START = datetime(2013, 6, 1, tzinfo=UTC)
ANN, BOB, CI, LAPTOP = (signer_of(new_private_key()) for _ in range(4))
TEAM = GovernanceSettings(mode="team", people=(ANN.key.id,), promoters=(CI.key.id,))
GROUNDS, RUN = Grounds(plan="p", snapshot="s", evaluation_sha256="e"), Actor(name="ann", automatic=True)
WAIVED = Waived(
    run_id="r", digest="d", gate="latency", expires=START + timedelta(days=7), actor=Actor(name="ann", reason="because")
)


def ledger_of(folder: Path, promoter: Signer) -> Ledger:
    return Ledger(folder / "governance.db", lambda: START, lambda: promoter)


def change(ledger: Ledger, settings: GovernanceSettings, person: Signer) -> None:
    ledger.record(signed_by(person, change_to(settings, Actor(name="ann", reason="because"))))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """The team's, which the laptop's promoter has moved to team mode."""
    change(ledger_of(tmp_path, LAPTOP), TEAM, ANN)
    return ledger_of(tmp_path, CI)


def test_before_settings_are_in_force_any_key_counts(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, LAPTOP)
    ledger.record(signed_by(BOB, WAIVED))
    assert (ledger.faults(), ledger.keyring().settings_by) == ((), None)


def test_a_promoter_that_is_not_listed_promotes_nothing(ledger: Ledger) -> None:
    laptop = replace(ledger, signer=lambda: LAPTOP)
    with pytest.raises(Forbidden, match=f"key {LAPTOP.key.id} is not among keys.promoters, which event 3 put in force"):
        laptop.promote("flights", "a", "run-a", START, 0, RUN, GROUNDS)
    assert ledger.promote("flights", "a", "run-a", START, 0, RUN, GROUNDS).head.version == 1
    assert ledger.faults() == ()


def test_a_person_who_is_not_listed_decides_nothing(ledger: Ledger) -> None:
    with pytest.raises(Forbidden, match=f"key {BOB.key.id} is not among keys.people, which event 3 put in force"):
        ledger.record(signed_by(BOB, WAIVED))
    ledger.record(signed_by(ANN, WAIVED))
    assert ledger.faults() == ()


def test_what_a_person_asks_for_is_signed_where_people_are_listed(ledger: Ledger) -> None:
    with pytest.raises(Exception, match="a decision by ann is not signed"):
        ledger.promote("flights", "a", "run-a", START, 0, replace(RUN, automatic=False), GROUNDS)
    assert ledger.models() == ()


def test_listed_people_change_settings_whatever_promoter_signs(ledger: Ledger, tmp_path: Path) -> None:
    wrong = replace(TEAM, promoters=("0" * 16,))
    change(ledger, wrong, ANN)
    with pytest.raises(Forbidden):
        change(ledger, TEAM, BOB)
    change(ledger_of(tmp_path, LAPTOP), TEAM, ANN)
    assert (ledger.keyring().settings, ledger.faults()) == (TEAM, ())
