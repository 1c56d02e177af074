from dataclasses import replace

import pytest

from raytemplate.governance.champion import judge_champion, soften_if_champion_failed
from raytemplate.governance.gates.gate import build_gates
from raytemplate.planning.stages import GateConfig
from raytemplate.records.codec import Settings
from raytemplate.records.evaluated import Difference, Estimate, Latency
from raytemplate.records.judged import Finding
from raytemplate.testing.gate_suite import sample_evidence
from raytemplate.testing.samples import day

PASSED = Finding(gate="beats-champion", outcome="pass", found="better by 1 to 2")
BLOCKED = Finding(gate="beats-baseline", outcome="block", found="-0.10: worse by 0.70 to better by 0.50")


def gain(low, high):
    """A loss that is better by `low` to `high`."""
    middle = (low + high) / 2
    return Difference(
        metric="mae",
        version=1,
        estimate=Estimate(value=-middle, low=-high, high=-low),
        gain=Estimate(value=middle, low=low, high=high),
    )


def evidence(against=(-3.0, -1.0), **changes):
    """The champion's MAE is 8.54, the baseline's 9.08; the difference between them is the argument."""
    found = sample_evidence()
    champion = replace(found.evaluation.champion, against_baseline=gain(*against) if against else None)
    return replace(found, evaluation=replace(found.evaluation, champion=champion, **changes))


FAILED = [
    pytest.param((-3.0, -1.0), (BLOCKED, PASSED), "hold", id="the champion is wholly worse"),
    pytest.param((-3.0, 0.1), (BLOCKED, PASSED), "block", id="not wholly"),
    pytest.param(None, (BLOCKED, PASSED), "block", id="a record that does not say"),
    pytest.param((-3.0, -1.0), (BLOCKED, replace(PASSED, outcome="hold")), "hold", id="better on few units"),
    pytest.param((-3.0, -1.0), (BLOCKED, replace(PASSED, outcome="block")), "block", id="not better than the champion"),
    pytest.param((-3.0, -1.0), (BLOCKED,), "block", id="no gate compares with the champion"),
    pytest.param((-3.0, -1.0), (replace(BLOCKED, outcome="error"), PASSED), "error", id="the baseline was not scored"),
]


@pytest.mark.parametrize(("against", "findings", "outcome"), FAILED)
def test_beats_baseline_holds_when_the_champion_has_failed(against, findings, outcome):
    softened = soften_if_champion_failed(findings, evidence(against).evaluation)
    assert softened[0].outcome == outcome
    assert softened[1:] == findings[1:]


def test_beats_baseline_blocks_when_a_worse_candidate_was_let_pass():
    """A negative min_gain lets a candidate through that is shown to be worse than the champion."""
    found = evidence().evaluation
    worse = replace(found, champion=replace(found.champion, difference=gain(-0.5, -0.1)))
    assert soften_if_champion_failed((BLOCKED, PASSED), worse) == (BLOCKED, PASSED)


def test_every_other_gate_counts_unchanged_when_the_champion_has_failed():
    limit = Finding(gate="metric-limit", outcome="block", found="mae 14")
    softened = soften_if_champion_failed((limit, BLOCKED, PASSED), evidence().evaluation)
    assert [one.outcome for one in softened] == ["block", "hold", "pass"]
    assert "rollback MODEL" in softened[1].hint


def outcomes(found):
    return {finding.gate: (finding.outcome, finding.found) for finding in found}


def judged(evidence_, **settings):
    gates = build_gates(
        GateConfig(name=name.replace("_", "-"), settings=Settings(given)) for name, given in settings.items()
    )
    return outcomes(judge_champion(gates, evidence_))


def test_the_champion_is_judged_by_the_gates_that_need_no_candidate():
    found = judged(
        evidence((0.2, 0.9), champion_latency=Latency(p95_s=0.2, num_rows=1000, num_times=9)),
        metric_limit={"mae": 8},
        beats_baseline={},
        beats_champion={},
        slice_limit={"by": "carrier", "mae": 11},
        latency={"p95": "50 ms", "rows": 1000},
        data_rows={"train": 10},
    )
    assert found == {
        "metric-limit": ("block", "mae 8.54"),
        "beats-baseline": ("pass", "better by 0.20 to 0.90"),
        "slice-limit": ("block", "mae 11.40 (carrier UA)"),
        "latency": ("block", "200 ms for 1,000 rows"),
        "data-rows": ("skip", "not measured"),
    }


def test_what_an_earlier_record_does_not_say_of_the_champion_is_not_measured():
    found = judged(evidence(None), beats_baseline={}, latency={"p95": "50 ms", "rows": 1000}, metric_limit={"mae": 9})
    assert found == {
        "beats-baseline": ("skip", "not measured"),
        "latency": ("skip", "not measured"),
        "metric-limit": ("pass", "mae 8.54"),
    }


def test_a_champion_that_has_seen_the_test_rows_is_not_judged_on_them():
    ref = replace(sample_evidence().evaluation.champion_ref, seen_until=day(6, 20))
    assert judged(evidence(champion_ref=ref), metric_limit={"mae": 8}) == {}


def test_without_a_champion_nothing_is_judged():
    found = sample_evidence()
    alone = replace(found, evaluation=replace(found.evaluation, champion=None))
    assert judged(alone, metric_limit={"mae": 8}) == {}
