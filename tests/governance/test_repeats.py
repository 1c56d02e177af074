"""Rules that hold whatever gates a template has."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from raytemplate.governance.gates.metric_limit import MetricLimit
from raytemplate.governance.judge import judge
from raytemplate.governance.repeats import repeated
from raytemplate.records.judged import Actor, Approved, Held, Precedents, Rejected

NOW = datetime(2013, 7, 1, tzinfo=UTC)
RUN, ADA = Actor(name="ada", automatic=True), Actor(name="ada", reason="the last was a fluke")
SAME = "the same rows, features, code and settings as the champion (version 1, run j3), only the seed or chance differs"
GATES = {"metric-limit": MetricLimit(mae=12)}


def told(evidence, nth=1, **changes):
    """The evidence with what was judged before: the candidate is d2, the champion d1."""
    before = Precedents(model="m", candidate_digest="d2", test_rows="r", nth=nth, champion_digest="d1")
    return replace(evidence(), precedents=replace(before, **changes))


@pytest.mark.parametrize(
    ("nth", "expected"),
    [
        (0, []),
        (1, []),
        (2, [("test-rows", "pass", "the 2nd candidate judged on these test rows")]),
        (4, [("test-rows", "pass", "the 4th candidate judged on these test rows")]),
        (5, [("test-rows", "hold", "the 5th candidate judged on these test rows")]),
        (13, [("test-rows", "hold", "the 13th candidate judged on these test rows")]),
        (1_021, [("test-rows", "hold", "the 1,021st candidate judged on these test rows")]),
    ],
)
def test_candidates_on_the_same_test_rows_are_counted_and_held_from_the_fifth(evidence, nth, expected):
    assert [(f.gate, f.outcome, f.found) for f in repeated(told(evidence, nth))] == expected


def test_the_same_with_another_seed_is_held(evidence):
    (found,) = repeated(told(evidence, same_as_champion=True))
    assert (found.gate, found.outcome, found.found) == ("same-again", "hold", SAME)


@pytest.mark.parametrize(
    "changes",
    [
        {"precedents": None},
        {
            "precedents": Precedents(
                model="m", candidate_digest="d2", test_rows="r", nth=9, champion_digest="d2", same_as_champion=True
            )
        },
    ],
    ids=["for show", "its bytes are the champions"],
)
def test_nothing_is_said_of_a_candidate_that_cannot_replace_the_champion(evidence, changes):
    assert repeated(replace(evidence(), **changes)) == ()


def test_a_fifth_candidate_is_held_although_its_gates_pass_and_a_person_may_accept_it(evidence):
    seen = told(evidence, 5)
    held = judge(GATES, seen, promotion="automatic", actor=RUN, now=NOW)
    assert isinstance(held, Held) and held.missing == "test-rows (the 5th candidate judged on these test rows)"
    accepted = judge(GATES, seen, promotion="automatic", actor=ADA, now=NOW)
    assert isinstance(accepted, Approved) and accepted.accepted == ("test-rows",)


def test_what_the_rules_say_takes_no_gates_place(evidence):
    verdict = judge({}, told(evidence, 2), promotion="automatic", actor=RUN, now=NOW)
    assert isinstance(verdict, Rejected) and verdict.reason.startswith("no gates")
