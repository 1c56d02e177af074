"""A person excepts a candidate from a gate: `waive`, then `promote`; nothing else is let through by it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from command_line import here
from fake_runs import GATES, FakeRun

from raytemplate import api
from raytemplate.conducting.promoter import PromoterProcess
from raytemplate.errors import ChampionMoved, IntegrityError, Refused, UsageError
from raytemplate.execution.decide import decide
from raytemplate.execution.waiving import new_waiver
from raytemplate.ledger.bodies import Promotion, content_of
from raytemplate.ledger.events import body_of
from raytemplate.planning.stages import GateConfig
from raytemplate.records.codec import Settings
from raytemplate.records.judged import Actor, Approved, Finding, Rejected, VerdictRecord
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_rejected, sample_start

MODEL = "flights-air-time"
STRICT = GateConfig(name="metric-limit", settings=Settings({"mae": 0.001}))
ADA = Actor(name="ada", reason="so")


def judged(folder, *gates, **engine):
    run = FakeRun(folder, gates=gates or (STRICT, GATES[1]))
    run.journal.write(sample_start(run_id=run.journal.run_id, name=MODEL))
    run.execute(FakeEngine(**engine))
    return run


def test_a_waived_gate_no_longer_blocks_and_everything_shows_it(tmp_path):
    run = judged(tmp_path)
    name, ask = run.journal.run_id, ("--reason", "the limit was wrong", "--until", "7d")
    said = here("waive", name, "metric-limit", *ask, cwd=tmp_path)
    assert said.returncode == 0 and said.stdout.endswith(f"To promote it:\n  raytemplate promote {name}\n"), said.stderr
    assert run.ledger.head(MODEL) is None and "(not used yet)" in here("show", name, cwd=tmp_path).stdout
    assert here("promote", name, cwd=tmp_path).returncode == 0
    verdict, (event,) = run.journal.need(VerdictRecord).verdict, run.ledger.history(MODEL).heads
    assert isinstance(verdict, Approved) and verdict.waivers[0].reason == "the limit was wrong"
    body = body_of(next(one for one in run.ledger.events(MODEL) if one.seq == event.event_seq))
    assert isinstance(body, Promotion) and body.grounds.waivers == verdict.waivers
    for command in (("show", name), ("show", MODEL), ("ledger", "show")):
        assert "the limit was wrong" in " ".join(here(*command, cwd=tmp_path).stdout.split())
    assert "`metric-limit` was waived by" in (run.journal.folder / "model-card.md").read_text()
    assert run.ledger.faults() == ()


def test_another_run_needs_its_own(tmp_path):
    first, second = judged(tmp_path), judged(tmp_path, weights="other")
    api.waive(first.journal.run_id, "metric-limit", reason="so", until="7d", workspace=str(tmp_path))
    for run, verdict in ((second, Rejected), (first, Approved)):
        decide(run.journal, run.plan, run.ledger, run.store, actor=ADA)
        assert isinstance(run.journal.need(VerdictRecord).verdict, verdict)


def test_one_that_expires_while_the_candidate_is_judged_promotes_nothing(tmp_path, monkeypatch):
    run = judged(tmp_path)
    api.waive(run.journal.run_id, "metric-limit", reason="so", until="7d", workspace=str(tmp_path))
    late, judged_at = run.ledger.now() + timedelta(days=8), iter((run.ledger.now(),))
    object.__setattr__(run.ledger, "clock", lambda: next(judged_at, late))
    assert decide(run.journal, run.plan, run.ledger, run.store, actor=ADA) is None
    assert "(waiver by" in run.journal.need(VerdictRecord).verdict.reason and run.ledger.head(MODEL) is None


def test_the_promoter_refuses_a_waiver_that_was_not_signed_so(tmp_path):
    run, other = judged(tmp_path), judged(tmp_path, weights="other")
    until = run.ledger.now() + timedelta(days=7)
    body = new_waiver(run.journal, run.plan, run.ledger, "metric-limit", until, ADA)
    with PromoterProcess(run.workspace, None, tmp_path / "log", "ada") as promoter:
        actor = promoter._signed(body.type, MODEL, "so", content=content_of(body))
        asked = {"run": run.journal.run_id, "gate": "metric-limit", "expires": until, "actor": actor}
        for changes, what in (
            ({"expires": until + timedelta(days=7)}, "has content"),
            ({"run": other.journal.run_id}, "has content"),
            ({"actor": replace(actor, reason="other")}, "has reason 'so', expected 'other'"),
            ({"actor": replace(actor, said=None)}, "is not signed"),
        ):
            with pytest.raises(IntegrityError, match=what):
                promoter._ask("waive", "", **(asked | changes))
        assert run.ledger.events() == ()
        promoter._ask("waive", "", **asked)
    assert [event.type for event in run.ledger.events()] == ["key-added", "key-added", "waived"]


def found(gate, outcome):
    return Finding(gate=gate, outcome=outcome, found="f")


@pytest.mark.parametrize(
    ("gate", "findings", "error", "what"),
    [
        ("metric-limits", (), UsageError, 'has no gate "metric-limits"; did you mean metric-limit'),
        ("same-again", (), UsageError, "same-again is a rule, not a gate"),
        ("metric-limit", (), UsageError, "metric-limit found nothing in run"),
        ("metric-limit", (found("metric-limit", "pass"),), UsageError, "metric-limit passed .f. in run"),
        ("metric-limit", (found("metric-limit", "skip"),), UsageError, "metric-limit was skipped .f. in run"),
        ("metric-limit", (found("metric-limit", "warn"),), UsageError, "metric-limit only warned .f. in run"),
        ("metric-limit", (found("metric-limit", "error"),), Refused, "a gate that has not judged is never waived"),
    ],
)
def test_what_is_never_waived(tmp_path, gate, findings, error, what):
    run = judged(tmp_path)
    record = run.journal.need(VerdictRecord)
    run.journal.write(replace(record, verdict=sample_rejected(findings=findings)))
    with pytest.raises(error, match=what):
        new_waiver(run.journal, run.plan, run.ledger, gate, run.ledger.now(), ADA)


def test_a_champion_needs_none_and_one_that_has_moved_refuses_it(tmp_path):
    stale, champion = judged(tmp_path), judged(tmp_path, *GATES, weights="other")
    with pytest.raises(ChampionMoved, match="was judged against an earlier one"):
        new_waiver(stale.journal, stale.plan, stale.ledger, "metric-limit", stale.ledger.now(), ADA)
    with pytest.raises(UsageError, match="is the champion of flights-air-time already"):
        new_waiver(champion.journal, champion.plan, champion.ledger, "metric-limit", champion.ledger.now(), ADA)


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ({"reason": " ", "until": "7d"}, "a waiver needs a reason, which"),
        ({}, "a waiver needs a reason and an end, which"),
        ({"reason": "so", "until": "soon"}, '--until: got "soon", expected a date or time'),
        ({"reason": "so", "until": "all"}, '--until: got "all", expected a date or time'),
        ({"reason": "so", "until": "5 weeks"}, "that is more than 30 days away"),
        ({"reason": "so", "until": "9999999999 months"}, "--until: got"),
        ({"reason": "so", "until": "2013-06-01"}, "that has passed"),
    ],
)
def test_what_is_asked_for_badly_is_refused_and_makes_no_key(tmp_path, asked, what):
    run = judged(tmp_path)
    with pytest.raises(UsageError, match=what):
        api.waive(run.journal.run_id, "metric-limit", workspace=str(tmp_path), **asked)
    assert run.ledger.events() == ()
