"""The gate on results that are too good to be true."""

from dataclasses import replace

import pytest
from pydantic import ValidationError
from sample_evidence import metric_value, scored

from raytemplate.governance.gates.too_good import TooGood
from raytemplate.records.evaluated import ColumnEvidence, Estimate
from raytemplate.records.judged import Finding


def column(name, explained, importance=None):
    lost = None if importance is None else Estimate(value=importance, low=importance - 1, high=importance + 1)
    return ColumnEvidence(column=name, explained=explained, importance=lost)


DISTANCE, STATUS, DELAY = column("distance", 0.864), column("status_text", 0.999), column("arr delay", 0.98)
PERFECT = scored("candidate", 0.0)
MORE = "a greater budget.time, or fewer columns in features"
CASES = [
    ("a column far below", {}, (DISTANCE,), "pass", "distance alone explains 0.86", "below 0.98", ""),
    ("next to the limit", {}, (column("x", 0.9799),), "pass", "x alone explains 0.97", "below 0.98", ""),
    (
        "one that says it all", {}, (DISTANCE, STATUS), "block", "status_text alone explains 1.00 of the target",
        "below 0.98", 'accept: {status_text: "why it is known at prediction time"}',
    ),
    (
        "two", {"accept": {"status_text": "known at noon"}}, (STATUS, DELAY), "block",
        "arr delay alone explains 0.98 of the target", "below 0.98",
        'accept: {"arr delay": "why it is known at prediction time"}',
    ),
    (
        "both named", {}, (DELAY, STATUS), "block",
        "status_text alone explains 1.00 of the target; so does arr delay", "below 0.98",
        'accept: {status_text: "why it is known at prediction time"}',
    ),
    (
        "accepted", {"accept": {"status_text": "known at noon"}}, (STATUS,), "pass",
        "status_text alone explains 1.00, accepted: known at noon", "below 0.98", "",
    ),
    ("another limit", {"explained": 0.8}, (DISTANCE,), "block", "distance alone explains 0.86 of the target",
     "below 0.8", 'accept: {distance: "why it is known at prediction time"}'),
    ("not looked at", {}, (column("x", None),), "block", "0 of 1 columns looked at", "every column", MORE),
    ("one not looked at", {}, (DISTANCE, column("x", None)), "block", "1 of 2 columns looked at", "every column", MORE),
    ("one not looked at and accepted", {"accept": {"x": "known"}}, (DISTANCE, column("x", None)), "pass",
     "distance alone explains 0.86", "below 0.98", ""),
    ("all accepted, not looked at", {"accept": {"x": "known"}}, (column("x", None),), "pass",
     "every column is accepted", "below 0.98", ""),
    ("records of before", {}, (), "skip", "no column was looked at alone", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "columns", "expected"), [(c[1], c[2], c[3:]) for c in CASES], ids=[c[0] for c in CASES]
)
def test_one_column_alone(evidence, settings, columns, expected):
    outcome, found, required, hint = expected
    whole = Finding(gate="too-good", outcome=outcome, found=found, required=required, hint=hint)
    assert TooGood(**settings).check(evidence(columns=columns)) == whole


def test_a_perfect_metric_is_blocked_and_the_column_that_the_model_leans_on_is_named(evidence):
    columns = (column("distance", 0.86, 2.0), column("refund", 0.7, 9.0))
    found = TooGood().check(evidence(candidate=PERFECT, columns=columns))
    assert (found.outcome, found.found) == ("block", "mae 0 is perfect; the model relies most on refund")
    assert found.hint == 'accept: {refund: "why it is known at prediction time"}'


def test_a_perfect_metric_is_accepted_with_the_column_it_comes_from(evidence):
    columns = (column("distance", 0.86, 2.0), column("refund", 0.7, 9.0))
    gate = TooGood(accept={"refund": "paid before the trip"})
    assert gate.check(evidence(candidate=PERFECT, columns=columns)).outcome == "pass"


@pytest.mark.parametrize("columns", [(), (column("x", None),)], ids=["records of before", "no time"])
def test_a_perfect_metric_is_blocked_where_no_column_was_looked_at(evidence, columns):
    found = TooGood().check(evidence(candidate=PERFECT, columns=columns))
    assert (found.outcome, found.found, found.hint) == ("block", "mae 0 is perfect", "")


def test_a_metric_that_the_baseline_has_perfect_too_tells_no_model_from_another(evidence):
    same = {"candidate": scored("candidate", 0.0), "baseline": scored("baseline", 0.0)}
    assert TooGood().check(evidence(**same, columns=(DISTANCE,))).outcome == "pass"


@pytest.mark.parametrize(("mae", "outcome"), [(0.0005, "block"), (0.01, "pass")])
def test_next_to_perfect_is_measured_by_the_baseline(evidence, mae, outcome):
    assert TooGood().check(evidence(candidate=scored("candidate", mae), columns=(DISTANCE,))).outcome == outcome


def test_every_row_right_of_a_few_is_not_too_good(evidence):
    assert TooGood().check(evidence(candidate=PERFECT, columns=(DISTANCE,), num_rows=99)).outcome == "pass"


def test_a_metric_that_a_poor_model_can_be_best_at_is_not_perfect(evidence):
    candidate = scored("candidate", 6.94)
    metrics = {**candidate.metrics, "ece": metric_value("ece", 0.0)}
    found = TooGood().check(evidence(candidate=replace(candidate, metrics=metrics), columns=(DISTANCE,)))
    assert found.outcome == "pass"


def test_it_holds_unless_it_is_told_to_block():
    assert (TooGood().severity, TooGood(severity="block").severity) == ("hold", "block")


def test_a_column_is_accepted_with_a_reason_only():
    with pytest.raises(ValidationError):
        TooGood(accept={"status_text": " "})
