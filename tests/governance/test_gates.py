from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pytest
from pydantic import ValidationError
from sample_evidence import CHAMPION, EVALUATION, metric_value, scored

from raytemplate import plugins
from raytemplate.evaluation.metrics.metric import distance_from_best
from raytemplate.governance.figures import gained, limit, measured
from raytemplate.governance.gates.beats_baseline import BeatsBaseline
from raytemplate.governance.gates.beats_champion import BeatsChampion
from raytemplate.governance.gates.data_rows import DataRows
from raytemplate.governance.gates.gate import build_gates
from raytemplate.governance.gates.metric_limit import MetricLimit
from raytemplate.records.codec import Settings
from raytemplate.records.evaluated import Estimate
from raytemplate.records.judged import Finding

LATE = datetime(2013, 6, 20, 12, 30, tzinfo=UTC)
NAN = replace(EVALUATION["candidate"], metrics={"mae": metric_value(value=np.nan)})


def finding(gate, outcome, found, required="", hint=""):
    return Finding(gate=gate, outcome=outcome, found=found, required=required, hint=hint)


LIMITS = [
    ("better", {"mae": 12}, {}, "pass", "mae 6.94", "at worst 12", ""),
    ("at it", {"mae": 6.94}, {}, "pass", "mae 6.94", "at worst 6.94", ""),
    ("worse", {"mae": 6.5}, {}, "block", "mae 6.94", "at worst 6.5", ""),
    ("higher is better", {"r2": 0.5}, {}, "pass", "r2 0.81", "at least 0.5", ""),
    ("too low", {"r2": 0.9}, {}, "block", "r2 0.81", "at least 0.9", ""),
    ("one of two", {"mae": 12, "r2": 0.9}, {}, "block", "mae 6.94; r2 0.81", "at worst 12; at least 0.9", ""),
    ("not computed", {"rmse": 9}, {}, "error", "rmse was not computed", "", "add rmse to evaluation.also"),
    ("nan", {"mae": 12}, {"candidate": NAN}, "block", "mae nan", "at worst 12", ""),
]


@pytest.mark.parametrize(
    ("limits", "changes", "expected"),
    [pytest.param(limits, changes, expected, id=name) for name, limits, changes, *expected in LIMITS],
)
def test_metric_limit(evidence, limits, changes, expected):
    assert MetricLimit(**limits).check(evidence(**changes)) == finding("metric-limit", *expected)


GAINS = [
    ("better", 0.0, (1.60, 0.83, 2.61), "pass", "better by 0.83 to 2.61", "at least 0", ""),
    (
        "maybe",
        0.0,
        (-0.44, -1.48, 0.56),
        "block",
        "-0.44: worse by 1.48 to better by 0.56",
        "at least 0",
        "not shown to be better",
    ),
    ("worse", 0.0, (-1.0, -1.5, -0.5), "block", "worse by 0.50 to 1.50", "at least 0", "shown to be worse"),
    ("the same", 0.0, (0.0, 0.0, 0.0), "block", "no difference", "at least 0", "not shown to be better"),
    ("weak end 0", 0.0, (1.0, 0.0, 2.0), "block", "better by 0 to 2.00", "at least 0", "not shown to be better"),
    ("enough", 0.83, (1.60, 0.83, 2.61), "pass", "better by 0.83 to 2.61", "at least 0.83", ""),
    (
        "too little",
        1.0,
        (1.60, 0.83, 2.61),
        "block",
        "better by 0.83 to 2.61",
        "at least 1",
        "better, but by less than required",
    ),
    ("the same is allowed", -0.5, (0.0, 0.0, 0.0), "pass", "no difference", "worse by 0.5 at most", ""),
    (
        "little worse",
        -0.5,
        (0.1, -0.4, 0.6),
        "pass",
        "0.10: worse by 0.40 to better by 0.60",
        "worse by 0.5 at most",
        "",
    ),
    (
        "too much worse",
        -0.5,
        (0.1, -0.51, 0.6),
        "block",
        "0.10: worse by 0.51 to better by 0.60",
        "worse by 0.5 at most",
        "not shown to be better",
    ),
    (
        "nan",
        -9.0,
        (np.nan, np.nan, np.nan),
        "block",
        "nan: no interval",
        "worse by 9 at most",
        "14 days to draw from: lengthen data.windows.test",
    ),
    (
        "one day",
        -9.0,
        (5.0, -np.inf, np.inf),
        "block",
        "5.00: no interval",
        "worse by 9 at most",
        "14 days to draw from: lengthen data.windows.test",
    ),
]
GAIN_ROWS = [pytest.param(least, gain, expected, id=name) for name, least, gain, *expected in GAINS]


@pytest.mark.parametrize(("least", "gain", "expected"), GAIN_ROWS)
def test_beats_baseline(evidence, least, gain, expected):
    found = BeatsBaseline(min_gain=least).check(evidence(baseline=scored("baseline", 9.08, gain)))
    assert found == finding("beats-baseline", *expected)


@pytest.mark.parametrize(("least", "gain", "expected"), GAIN_ROWS)
def test_beats_champion(evidence, least, gain, expected):
    found = BeatsChampion(min_gain=least).check(evidence(champion=scored("champion", 8.54, gain)))
    assert found == finding("beats-champion", *expected)


PERSON = "if it stays so: run with --set governance.gates.beats-champion.severity=hold, then "
PERSON += "promote the run with a reason"
OTHER_FORMULA = "mae version 1 cannot be compared with mae version 2"
CHAMPIONS = [
    ("none yet", {"champion_ref": None, "champion": None}, "skip", "no champion yet"),
    ("problem", {"champion": None, "champion_problem": "its model is gone"}, "block", "its model is gone"),
    ("problem without a champion", {"champion_ref": None, "champion": None, "champion_problem": "no"}, "block", "no"),
    ("has seen test rows", {"champion_ref": replace(CHAMPION, seen_until=LATE)}, "block",
     "version 1 has seen data until 2013-06-20 12:30 UTC, the test starts 2013-06-17 00:00"),
    ("seen is unknown", {"champion_ref": replace(CHAMPION, seen_until=None)}, "block",
     "version 1: not recorded until when it has seen data"),
    ("another split", {"champion_ref": replace(CHAMPION, split="a"), "split": "b"}, "block",
     "version 1 has seen test rows: its data.split had other shares, seed or keys, or columns of other types"),
    ("split by time then", {"split": "b"}, "block",
     "version 1 may have seen test rows: its data was split by time, this by row hash"),
    ("split by hash then", {"champion_ref": replace(CHAMPION, split="a")}, "block",
     "version 1 may have seen test rows: its data was split by row hash, this by time"),
    ("not scored", {"champion": None}, "block", "version 1 was not scored"),
    ("scored but not named", {"champion_ref": None}, "block", "scores of a champion that the ledger does not name"),
    ("candidate has seen test rows", {"candidate_seen_until": LATE}, "block",
     "the candidate has seen data until 2013-06-20 12:30 UTC, the test starts 2013-06-17 00:00"),
    ("other version", {"champion": scored("champion", 8.54, (1, 1, 1), version=2)}, "block", OTHER_FORMULA),
    ("no difference taken", {"champion": scored("champion", 8.54)}, "block",
     "champion: no paired difference was taken"),
    ("other metric decides", {"metric": "rmse"}, "block", "rmse was not computed for both"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "outcome", "found"), [pytest.param(*row[1:], id=row[0]) for row in CHAMPIONS])
def test_beats_champion_without_a_fair_comparison(evidence, changes, outcome, found):
    hint = PERSON if "champion_problem" in changes else ""
    assert BeatsChampion(min_gain=-100).check(evidence(**changes)) == finding(
        "beats-champion", outcome, found, hint=hint
    )


def test_beats_baseline_without_a_fair_comparison(evidence):
    gate = BeatsBaseline(min_gain=-100)
    absent = finding("beats-baseline", "error", "no baseline was scored", hint="set evaluation.baseline")
    assert gate.check(evidence(baseline=None)) == absent
    assert gate.check(evidence(candidate_seen_until=LATE)).outcome == "block"
    other = evidence(baseline=scored("baseline", 9.08, (1, 1, 1), version=2))
    assert gate.check(other) == finding("beats-baseline", "block", OTHER_FORMULA)


ROWS = [
    ("enough", {"train": 50_000}, None, "pass", "141,497", "at least 50,000"),
    ("exactly", {"test": 12_695}, None, "pass", "12,695", "at least 12,695"),
    ("too few", {"test": 12_696}, None, "block", "12,695", "at least 12,696"),
    ("two", {"train": 50_000, "test": 20_000}, None, "block", "train 141,497; test 12,695",
     "train at least 50,000; test at least 20,000"),
    ("not counted", {"test": 1}, {"train": 5}, "error", "rows of test were not counted", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("limits", "rows", "outcome", "found", "required"), [pytest.param(*row[1:], id=row[0]) for row in ROWS]
)
def test_data_rows(evidence, limits, rows, outcome, found, required):
    assert DataRows(**limits).check(evidence(rows)) == finding("data-rows", outcome, found, required)


REFUSED = [
    (MetricLimit, {}, "expected at least one metric with its limit, such as mae: 12"),
    (MetricLimit, {"mea": 12}, 'no such metric: "mea"; did you mean mae?'),
    (MetricLimit, {"mae": "inf"}, "Input should be a finite number"),
    (MetricLimit, {"mae": "twelve"}, "Input should be a valid number, unable to parse string as a number"),
    (BeatsChampion, {"min_gain": float("-inf")}, "Input should be a finite number"),
    (BeatsBaseline, {"min_gian": 1}, "Extra inputs are not permitted"),
    (DataRows, {}, "expected at least one of train, validation and test"),
    (DataRows, {"train": 0}, "Input should be greater than or equal to 1"),
]


@pytest.mark.parametrize(("gate", "settings", "message"), REFUSED, ids=[f"{g.__name__} {s}" for g, s, _ in REFUSED])
def test_gate_refuses_settings(gate, settings, message):
    with pytest.raises(ValidationError) as refused:
        gate(**settings)
    assert [problem["msg"].removeprefix("Value error, ") for problem in refused.value.errors()] == [message]


@dataclass(frozen=True)
class Config:
    name: str
    settings: Settings


def test_build_gates_keeps_order_and_settings():
    configs = [
        Config("metric-limit", Settings({"mae": 12, "severity": "warn"})),
        Config("beats-champion", Settings({"min_gain": -0.5})),
        Config("beats-baseline", Settings()),
        Config("data-rows", Settings({"train": 50_000})),
    ]
    gates = build_gates(configs)
    assert list(gates.items()) == [
        ("metric-limit", MetricLimit(mae=12, severity="warn")),
        ("beats-champion", BeatsChampion(min_gain=-0.5)),
        ("beats-baseline", BeatsBaseline()),
        ("data-rows", DataRows(train=50_000)),
    ]
    with pytest.raises(plugins.PluginError, match="did you mean metric-limit"):
        build_gates([Config("metric-limits", Settings())])
    with pytest.raises(ValueError, match=r"^gate data-rows is set twice$"):
        build_gates(configs + configs[-1:])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (6.9412, "6.94"),
        (0.1, "0.10"),
        (0.05123, "0.0512"),
        (-0.001234, "-0.00123"),
        (0.0, "0"),
        (12345.678, "12,345.68"),
    ],
)
def test_measured(value, text):
    assert measured(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(12.0, "12"), (0.5, "0.5"), (50_000, "50,000"), (0, "0"), (1e-4, "0.0001")]
)
def test_limit(value, text):
    assert limit(value) == text


def test_gained_when_nothing_can_be_said():
    assert gained(Estimate(value=0.5, low=-np.inf, high=np.inf)) == "0.50: no interval"


def test_beats_champion_compares_where_the_split_is_the_same(evidence):
    """Neither model has seen rows of the test side, however late the champion was made."""
    champion = replace(CHAMPION, split="a", seen_until=LATE)
    found = BeatsChampion(min_gain=0).check(evidence(champion_ref=champion, split="a"))
    assert found == finding("beats-champion", "pass", "better by 0.83 to 2.61", "at least 0")


TRIFLES = [
    ("enough", 8.54, (0.5, 0.1, 0.9), "pass", "better by 0.10 to 0.90", "better, by at least 0.0854", ""),
    ("just enough", 8.0, (0.08, 0.05, 0.11), "pass", "better by 0.05 to 0.11", "better, by at least 0.08", ""),
    ("a trifle", 8.54, (0.034, 0.01, 0.06), "block", "better by 0.01 to 0.06; 0.034 is 0.4 % of its loss",
     "better, by at least 0.0854", "a trifle: set min_gain if it is worth a new model"),
    ("large, and not shown", 8.54, (0.5, -0.1, 1.1), "block", "0.50: worse by 0.10 to better by 1.10",
     "better, by at least 0.0854", "not shown to be better"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "gain", "expected"), [pytest.param(value, gain, rest, id=name) for name, value, gain, *rest in TRIFLES]
)
def test_beats_champion_wants_more_than_a_trifle_by_default(evidence, value, gain, expected):
    found = BeatsChampion().check(evidence(champion=scored("champion", value, gain)))
    assert found == finding("beats-champion", *expected)


@pytest.mark.parametrize(
    ("metric", "value", "loss"),
    [("mae", 8.5, 8.5), ("log-loss", 0.3, 0.3), ("auc", 0.9, 0.1), ("accuracy", 0.75, 0.25), ("r2", 0.9, None)],
)
def test_a_loss_is_how_far_from_the_best_where_a_worst_is_known(metric, value, loss):
    assert distance_from_best(metric, value) == (None if loss is None else pytest.approx(loss))
