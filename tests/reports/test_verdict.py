"""The tables and the end of a run, whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from raytemplate.records.judged import Finding
from raytemplate.reports.verdict import closing, gate_table, metric_table
from raytemplate.testing import sample_plans, samples

METRICS = """\
  mae                      value    difference, 95 % interval, days resampled
  candidate                 6.94
  champion (version 1)      8.54    -1.60  [-2.61, -0.83]
  median by origin, dest    9.08    -2.14  [-3.32, -0.91]"""

NOT_COMPARED = """\
  mae                    value    difference, 95 % interval, days resampled
  candidate               8.88
  champion (version 1)       -    not compared: it has seen rows of the test window
  median of all rows      8.44    +0.44  [-0.56, 1.48]"""

GATES = """\
  gate             outcome  found                            required
  metric-limit     pass     mae 6.94                         at worst 12
  beats-baseline   pass     better by 0.91 to 3.32           at least 0
  beats-champion   pass     better by 0.83 to 2.61           better, by at least 0.0854
  data-rows        pass     141,497                          at least 50,000"""

BLOCKED = """\
  gate             outcome  found                            required
  beats-baseline   block    better by -1.48 to 0.56          at least 0
  beats-champion   skip     no champion yet

  beats-baseline: train on more rows or look at the features; the baseline stays as it is"""

WAIVED = """\
  gate             outcome  found                            required
  beats-baseline   block    better by -1.48 to 0.56          at least 0

  beats-baseline: waived by ada until 2013-07-08: new routes in June"""

SPENT = "8 s of 10m, 0.00 of 1 USD (planned 9 s). Records: .raytemplate/runs/k7q2"
PREDICT = "  raytemplate predict flights-air-time NEW.parquet OUT.parquet"


def _closing(verdict: Any, promotion: Any, champion_version: int = 1) -> list[str]:
    text = closing(
        sample_plans.sample_plan(),
        verdict,
        promotion,
        run_id="k7q2",
        champion_version=champion_version,
        wall_clock_s=8.1,
        cost_usd=0.0,
        records=".raytemplate/runs/k7q2",
    )
    return text.splitlines()


def test_metric_table_with_champion_and_baseline() -> None:
    assert metric_table(samples.sample_evaluation(), "median by origin, dest") == METRICS


def test_metric_table_when_the_champion_could_not_be_compared() -> None:
    evaluation = samples.sample_evaluation(
        candidate=samples.sample_scored("candidate", 8.88),
        baseline=samples.sample_scored("baseline", 8.44, (0.44, -0.56, 1.48)),
        champion=None,
        champion_problem="it has seen rows of the test window",
    )
    assert metric_table(evaluation, "median of all rows") == NOT_COMPARED


def test_metric_table_without_resampling() -> None:
    evaluation = samples.sample_evaluation(num_resamples=0, champion_ref=None, champion=None)
    assert metric_table(evaluation, "mean of all rows") == (
        "  mae                value    difference, not resampled\n"
        "  candidate           6.94\n"
        "  mean of all rows    9.08    -2.14"
    )


def test_metric_table_of_the_candidate_alone() -> None:
    evaluation = samples.sample_evaluation(champion_ref=None, champion=None, baseline=None)
    assert metric_table(evaluation, "none") == "  mae         value\n  candidate    6.94"


def test_metric_table_when_the_baseline_has_no_such_metric() -> None:
    baseline = replace(samples.sample_scored("baseline", 9.08), metrics={})
    evaluation = samples.sample_evaluation(champion_ref=None, champion=None, baseline=baseline)
    assert metric_table(evaluation, "mean of all rows").splitlines()[1:] == [
        "  candidate           6.94",
        "  mean of all rows       -",
    ]


def test_gate_table_when_all_pass() -> None:
    assert gate_table(samples.sample_verdict()) == GATES


def test_gate_table_says_what_to_do_about_a_block() -> None:
    skip = Finding(gate="beats-champion", outcome="skip", found="no champion yet")
    assert gate_table(samples.sample_rejected(findings=(samples.sample_blocked(), skip))) == BLOCKED


def test_gate_table_shows_a_waiver_that_has_expired() -> None:
    verdict = samples.sample_rejected(expired=(samples.sample_waiver(),))
    assert gate_table(verdict).endswith("  beats-baseline: the waiver by ada expired 2013-07-08: new routes in June")


def test_gate_table_shows_a_waiver_instead_of_the_hint() -> None:
    verdict = samples.sample_verdict(findings=(samples.sample_blocked(),), waivers=(samples.sample_waiver(),))
    assert gate_table(verdict) == WAIVED


def test_gate_table_folds_long_findings() -> None:
    long = Finding(
        gate="beats-champion",
        outcome="block",
        found="the champion was trained on rows up to 2013-06-20, inside the test window",
        required="a champion that has not seen the test rows",
    )
    lines = gate_table(samples.sample_rejected(findings=(long,))).splitlines()
    assert lines[1:] == [
        "  beats-champion   block    the champion was trained on rows up to   a champion that has not seen",
        "                            2013-06-20, inside the test window       the test rows",
    ]


def test_closing_of_an_approval() -> None:
    assert _closing(samples.sample_verdict(), samples.sample_promotion()) == [
        "Approved: version 2 is the champion of flights-air-time (was version 1).",
        SPENT,
        PREDICT,
    ]


def test_closing_of_the_first_champion_while_mlflow_is_behind() -> None:
    promotion = samples.sample_promotion(version=1, previous_version=0, projected=False, warning="no answer")
    assert _closing(samples.sample_verdict(by="ada"), promotion)[:2] == [
        "Approved by ada: version 1 is the champion of flights-air-time (the first). MLflow's copy is not up",
        "to date: no answer.",
    ]


@pytest.mark.parametrize("said", [{"by": "ada", "reason": "it rains"}, {"by": "ada: it rains"}], ids=["now", "0.1"])
def test_closing_names_the_person_and_the_reason(said: dict[str, str]) -> None:
    assert _closing(samples.sample_verdict(**said), samples.sample_promotion())[0] == (
        "Approved by ada: it rains: version 2 is the champion of flights-air-time (was version 1)."
    )


def test_closing_of_a_hold_ends_with_the_command_that_goes_on() -> None:
    assert _closing(samples.sample_held(), samples.sample_promotion(outcome="waiting")) == [
        "Held: version 2 of flights-air-time passed its gates and waits for a person: promotion is manual.",
        "The champion is still version 1.",
        SPENT,
        "To promote it:",
        "  raytemplate promote k7q2",
    ]


@pytest.mark.parametrize(
    ("champion_version", "still"),
    [(1, "The champion is still\nversion 1."), (0, "There is still no champion.")],
    ids=["champion", "none"],
)
def test_closing_of_a_rejection(champion_version: int, still: str) -> None:
    assert _closing(samples.sample_rejected(), None, champion_version) == [
        *f"Rejected: beats-baseline (better by -1.48 to 0.56, required at least 0). {still}".splitlines(),
        SPENT,
        "  raytemplate show k7q2",
    ]


def test_closing_when_a_gate_could_not_judge_or_none_ran() -> None:
    crash = Finding(gate="data-rows", outcome="error", found="KeyError: train")
    assert _closing(samples.sample_rejected(findings=(crash,)), None)[0] == (
        "Rejected: data-rows could not judge (KeyError: train). The champion is still version 1."
    )
    assert _closing(samples.sample_rejected(findings=(), reason="the template has no gates"), None)[0] == (
        "Rejected: the template has no gates. The champion is still version 1."
    )


def test_closing_when_the_candidate_is_the_champion() -> None:
    promotion = samples.sample_promotion(outcome="unchanged", version=1)
    assert _closing(samples.sample_verdict(), promotion) == [
        "Unchanged: the candidate is byte for byte the champion (version 1); nothing to promote.",
        SPENT,
        PREDICT,
    ]


@pytest.mark.parametrize(
    ("value", "mean", "shown"),
    [
        (0.0042, 20.01, ("0.0042", "20.0100", "-20.0058  [-20.0100, -20.0000]")),
        (4.6e-12, 5.1e-11, ("4.60e-12", "5.10e-11", "-4.64e-11  [-5.10e-11, -4.00e-11]")),
        (0.143, 20.01, ("0.14", "20.01", "-19.87  [-20.01, -20.00]")),
        (0.0, 20.01, ("0.00", "20.01", "-20.01  [-20.01, -20.00]")),
        (4.5e7, 5e7, ("45,000,000.00", "50,000,000.00", "-5,000,000.00  [-50,000,000.00, -4,000,000.00]")),
    ],
    ids=["small beside its baseline", "tiny", "two digits are enough", "nothing", "large"],
)
def test_a_candidate_is_shown_as_zero_only_if_it_is(value, mean, shown):
    low, high = -mean, -mean + (0.01 if mean == 20.01 else 1.1e-11 if mean < 1 else 4.6e7)
    evaluation = samples.sample_evaluation(
        candidate=samples.sample_scored("candidate", value),
        champion_ref=None,
        champion=None,
        baseline=samples.sample_scored("baseline", mean, (value - mean, low, high)),
    )
    _, candidate, baseline = metric_table(evaluation, "baseline").splitlines()
    assert (candidate.split()[1], baseline.split()[1], baseline.split(maxsplit=2)[2]) == shown
