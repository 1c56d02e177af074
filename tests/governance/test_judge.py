from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytemplate.governance.gates.beats_baseline import BeatsBaseline
from raytemplate.governance.gates.beats_champion import BeatsChampion
from raytemplate.governance.gates.data_rows import DataRows
from raytemplate.governance.gates.metric_limit import MetricLimit
from raytemplate.governance.judge import judge
from raytemplate.records.judged import Actor, Approved, Finding, Held, Rejected, Waiver

NOW = datetime(2013, 7, 1, tzinfo=UTC)
RUN, BO = Actor(name="Ann", automatic=True), Actor(name="Bo", reason="so")
OUTCOMES = ["pass", "warn", "hold", "block", "skip", "error", "crash", "nonsense"]


@dataclass(frozen=True)
class Says:
    """A gate whose finding is given."""

    outcome: str
    severity: str = "block"

    def check(self, evidence):
        if self.outcome == "crash":
            raise ZeroDivisionError("division by zero")
        return None if self.outcome == "nonsense" else Finding(gate="?", outcome=self.outcome, found="f")


@dataclass(frozen=True)
class Guards(Says):
    """A gate on integrity or privacy."""

    waivable = False


def waiver(gate, days=1):
    return Waiver(gate=gate, person="Ann", reason="holiday", expires=NOW + timedelta(days=days))


def found(gate, outcome):
    return Finding(gate=gate, outcome=outcome, found="f")


CRASH = Finding(gate="a", outcome="error", found="ZeroDivisionError: division by zero", hint="the gate crashed")
HOLDS, HOLDS_TOO = (found("a", "hold"),), (found("a", "pass"), found("b", "hold"))
PASSES, ERRS = (found("a", "pass"),), (found("a", "error"),)
BLOCKS = (found("a", "block"),)
BOTH = (found("a", "pass"), found("b", "block"))
AUTO, MANUAL = {"promotion": "automatic"}, {"promotion": "manual"}
VERDICTS = [
    ("all pass", {"a": Says("pass")}, AUTO, Approved(findings=PASSES)),
    ("all pass, a person asked", {"a": Says("pass")}, AUTO | {"actor": BO},
     Approved(findings=PASSES, by="Bo", reason="so")),
    ("manual", {"a": Says("pass")}, MANUAL, Held(findings=PASSES, missing="promotion is manual")),
    ("manual, allowed", {"a": Says("pass")}, MANUAL | {"actor": BO}, Approved(findings=PASSES, by="Bo", reason="so")),
    ("manual, blocked", {"a": Says("block")}, MANUAL | {"actor": BO},
     Rejected(findings=BLOCKS, reason="a blocked")),
    ("one blocks", {"a": Says("pass"), "b": Says("block")}, AUTO, Rejected(findings=BOTH, reason="b blocked")),
    ("a block that only warns", {"a": Says("block", "warn")}, AUTO, Approved(findings=(found("a", "warn"),))),
    ("a block that only holds", {"a": Says("block", "hold")}, AUTO, Held(findings=HOLDS, missing="a (f)")),
    ("a hold under automatic promotion", {"a": Says("pass"), "b": Says("hold")}, AUTO,
     Held(findings=HOLDS_TOO, missing="b (f)")),
    ("a hold and manual promotion", {"a": Says("hold")}, MANUAL,
     Held(findings=HOLDS, missing="a (f); promotion is manual")),
    ("a hold that a person accepts", {"a": Says("hold")}, AUTO | {"actor": BO},
     Approved(findings=HOLDS, by="Bo", reason="so", accepted=("a",))),
    ("a hold beside a block", {"a": Says("hold"), "b": Says("block")}, AUTO | {"actor": BO},
     Rejected(findings=(found("a", "hold"), found("b", "block")), reason="b blocked")),
    ("a hold that only warns", {"a": Says("hold", "warn")}, AUTO, Approved(findings=(found("a", "warn"),))),
    ("a hold waived", {"a": Says("hold")}, AUTO | {"waivers": (waiver("a"),)},
     Approved(findings=HOLDS, waivers=(waiver("a"),))),
    ("an error never only holds", {"a": Says("error", "hold")}, AUTO,
     Rejected(findings=ERRS, reason="a could not judge")),
    ("an error never only warns", {"a": Says("error", "warn")}, AUTO,
     Rejected(findings=ERRS, reason="a could not judge")),
    ("a crash", {"a": Says("crash", "warn")}, AUTO, Rejected(findings=(CRASH,), reason="a could not judge")),
    ("waived", {"a": Says("block")}, AUTO | {"waivers": (waiver("a"),)},
     Approved(findings=BLOCKS, waivers=(waiver("a"),))),
    ("a crash waived", {"a": Says("crash")}, AUTO | {"waivers": (waiver("a"),)},
     Rejected(findings=(CRASH,), reason="a could not judge")),
    ("an error waived", {"a": Says("error")}, AUTO | {"waivers": (waiver("a"),)},
     Rejected(findings=ERRS, reason="a could not judge")),
    ("a gate that is never waived", {"a": Guards("block")}, AUTO | {"waivers": (waiver("a"),)},
     Rejected(findings=BLOCKS, reason="a blocked")),
    ("expired", {"a": Says("block")}, AUTO | {"waivers": (waiver("a", days=0),)},
     Rejected(findings=BLOCKS, expired=(waiver("a", days=0),), reason="a blocked (waiver by Ann expired 2013-07-01)")),
    ("a waiver of another gate", {"a": Says("pass"), "b": Says("block")}, AUTO | {"waivers": (waiver("a"),)},
     Rejected(findings=BOTH, reason="b blocked")),
    ("no gates", {}, AUTO, Rejected(findings=(), reason="no gates: nothing says what is good enough")),
    ("all skipped", {"a": Says("skip")}, MANUAL | {"actor": BO},
     Rejected(findings=(found("a", "skip"),), reason="every gate was skipped: nothing says what is good enough")),
]  # fmt: skip


@pytest.mark.parametrize(("gates", "settings", "expected"), [pytest.param(*row[1:], id=row[0]) for row in VERDICTS])
def test_judge(evidence, gates, settings, expected):
    assert judge(gates, evidence(), now=NOW, **{"actor": RUN} | settings) == expected


def test_judge_says_which_gate_did_not_answer(evidence):
    verdict = judge({"a": Says("nonsense")}, evidence(), now=NOW, promotion="automatic", actor=RUN)
    assert verdict.findings[0].found == "TypeError: got None, expected a Finding"
    assert verdict.reason == "a could not judge"


GATES = st.dictionaries(
    st.sampled_from("abcd"), st.builds(Says, st.sampled_from(OUTCOMES), st.sampled_from(["block", "hold", "warn"]))
)
WAIVERS = st.lists(st.builds(waiver, st.sampled_from("abcd"), st.integers(-1, 1)), max_size=4).map(tuple)


@given(
    gates=GATES,
    waivers=WAIVERS,
    promotion=st.sampled_from(["automatic", "manual"]),
    actor=st.sampled_from([RUN, BO]),
)
def test_nothing_unwaived_is_ever_let_through(evidence, gates, waivers, promotion, actor):
    verdict = judge(gates, evidence(), promotion=promotion, actor=actor, waivers=waivers, now=NOW)
    valid = {w.gate for w in waivers if w.expires > NOW}
    erred = {f.gate for f in verdict.findings if f.outcome == "error"}
    failed = {f.gate for f in verdict.findings if f.outcome == "block"}
    said = [f.outcome for f in verdict.findings]
    assert len(said) == len(gates)
    rejected = bool(erred) or bool(failed - valid) or all(outcome == "skip" for outcome in said)
    assert isinstance(verdict, Rejected) == rejected
    held = {f.gate for f in verdict.findings if f.outcome == "hold"}
    asked = promotion == "manual" or bool(held - valid)
    assert isinstance(verdict, Held) == (not rejected and asked and actor is RUN)
    assert {w.gate for w in verdict.waivers} == (failed | held) & valid


def test_the_north_stars_table(evidence):
    gates = {
        "metric-limit": MetricLimit(mae=12),
        "beats-baseline": BeatsBaseline(),
        "beats-champion": BeatsChampion(),
        "data-rows": DataRows(train=50_000),
    }
    verdict = judge(gates, evidence(), promotion="automatic", actor=RUN, now=NOW)
    assert isinstance(verdict, Approved)
    assert [(f.gate, f.outcome, f.found, f.required) for f in verdict.findings] == [
        ("metric-limit", "pass", "mae 6.94", "at worst 12"),
        ("beats-baseline", "pass", "better by 0.91 to 3.32", "at least 0"),
        ("beats-champion", "pass", "better by 0.83 to 2.61", "better, by at least 0.0854"),
        ("data-rows", "pass", "141,497", "at least 50,000"),
    ]


def test_the_first_model_needs_every_other_gate(evidence):
    gates = {"beats-champion": BeatsChampion(), "data-rows": DataRows(train=50_000)}
    first = evidence(champion_ref=None, champion=None)
    assert isinstance(judge(gates, first, promotion="automatic", actor=RUN, now=NOW), Approved)
    gates["data-rows"] = DataRows(train=500_000)
    assert isinstance(judge(gates, first, promotion="automatic", actor=RUN, now=NOW), Rejected)
