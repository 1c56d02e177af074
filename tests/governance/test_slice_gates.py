"""Gates on slices, calibration, latency and size."""

import numpy as np
import pyarrow as pa
import pytest
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from pydantic import ValidationError
from sample_evidence import metric_value

from raytemplate.evaluation.metrics.calibration import reliability
from raytemplate.evaluation.metrics.shipped import ECE
from raytemplate.evaluation.slices import score_slices, slice_values
from raytemplate.governance.gates.calibration import Calibration
from raytemplate.governance.gates.latency import LatencyGate
from raytemplate.governance.gates.model_size import ModelSize
from raytemplate.governance.gates.slice_gap import SliceGap
from raytemplate.governance.gates.slice_limit import SliceLimit
from raytemplate.records.evaluated import CalibrationBin, Latency, Slice
from raytemplate.records.judged import Finding


def one(value, mae, num_rows=1000, by="carrier", r2=0.9):
    metrics = {"mae": metric_value("mae", mae), "r2": metric_value("r2", r2)}
    return Slice(by=by, value=value, num_rows=num_rows, candidate=metrics, champion=None)


SLICES = (one("UA", 10.22), one("AA", 6.0), one("HA", 40.0, num_rows=60), one("LGA", 8.0, by="origin", r2=0.4))
NAN = (one("UA", np.nan), one("AA", 6.0))
LIMITS = [
    ("north star", {"by": "carrier", "mae": 15, "min_rows": 500}, "pass", "mae 10.22 (carrier UA)", "at worst 15", ""),
    ("beyond", {"by": "carrier", "mae": 10}, "block", "mae 10.22 (carrier UA)", "at worst 10", ""),
    ("few rows", {"by": "carrier", "mae": 15, "min_rows": 50}, "block", "mae 40.00 (carrier HA)", "at worst 15", ""),
    (
        "several beyond", {"by": "carrier", "mae": 5}, "block", "mae 10.22 (carrier UA)", "at worst 5",
        "beyond the limit as well: carrier AA",
    ),
    ("higher is better", {"by": ["carrier", "origin"], "r2": 0.5}, "block", "r2 0.40 (origin LGA)", "at least 0.5", ""),
    (
        "two metrics", {"by": ["carrier", "origin"], "mae": 15, "r2": 0.3}, "pass",
        "mae 10.22 (carrier UA); r2 0.40 (origin LGA)", "at worst 15; at least 0.3", "",
    ),
    (
        "not sliced", {"by": "dest", "mae": 9}, "error", "no slices by dest", "",
        "add dest to evaluation.slices and run again",
    ),
    (
        "none large enough", {"by": "carrier", "mae": 9, "min_rows": 5000}, "error",
        "fewer than one slice by carrier with 5,000 rows", "", "lower min_rows, or test on more rows",
    ),
    ("not computed", {"by": "carrier", "rmse": 9}, "error", "rmse was not computed", "", "add rmse to evaluation.also"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "expected"), [(c[1], c[2:]) for c in LIMITS], ids=[c[0] for c in LIMITS])
def test_slice_limit(evidence, settings, expected):
    outcome, found, required, hint = expected
    whole = Finding(gate="slice-limit", outcome=outcome, found=found, required=required, hint=hint)
    assert SliceLimit(**settings).check(evidence(slices=SLICES)) == whole


def test_a_slice_without_a_value_is_not_within_its_limit(evidence):
    finding = SliceLimit(by="carrier", mae=1000).check(evidence(slices=NAN))
    assert (finding.outcome, finding.found) == ("block", "mae has no value (carrier UA)")


def test_a_record_of_before_there_were_slices_cannot_be_judged(evidence):
    finding = SliceLimit(by="carrier", mae=15).check(evidence())
    assert (finding.outcome, finding.hint) == ("error", "add carrier to evaluation.slices and run again")


@pytest.mark.parametrize(
    "settings", [{"mae": 3}, {"by": "carrier"}, {"by": [], "mae": 3}, {"by": "carrier", "maee": 3}]
)
def test_settings_that_say_nothing_are_refused(settings):
    with pytest.raises(ValidationError):
        SliceLimit(**settings)


def test_slice_gap_names_the_two_that_are_furthest_apart(evidence):
    finding = SliceGap(by=["carrier"], mae=4).check(evidence(slices=SLICES))
    assert (finding.outcome, finding.found) == ("block", "mae 4.22 (carrier AA and carrier UA)")
    assert finding.required == "at most 4 apart"
    assert SliceGap(by=["carrier"], mae=4.3).check(evidence(slices=SLICES)).outcome == "pass"
    assert SliceGap(by=["carrier"], mae=1e9).check(evidence(slices=NAN)).outcome == "block"
    assert SliceGap(by=["origin"], mae=4).check(evidence(slices=SLICES)).outcome == "error"


@pytest.mark.parametrize("seed", range(5))
def test_the_gaps_are_fairlearns_differences(evidence, seed):
    rng = np.random.default_rng(seed)
    group = np.array(["f", "m", "x"])[rng.integers(0, 3, 2000)]
    target = (rng.random(2000) < 0.3 + 0.2 * (group == "m")).astype(np.float64)
    probability = np.clip(0.4 * target + rng.random(2000) * 0.6 + 0.1 * (group == "f"), 0, 1)
    rates = ("selection-rate", "true-positive-rate", "false-positive-rate")
    slices = score_slices(
        target=target,
        groups=np.arange(2000),
        predictions={"candidate": probability},
        metrics=rates,
        num_resamples=50,
        columns={"sex": slice_values(pa.chunked_array([pa.array(group)]))},
    )
    called = (probability >= 0.5).astype(int)
    parity = demographic_parity_difference(target, called, sensitive_features=group)
    odds = equalized_odds_difference(target, called, sensitive_features=group)
    for compared, least in ((rates[:1], parity), (rates[1:], odds)):
        for bound, outcome in ((least + 1e-9, "pass"), (least - 1e-9, "block")):
            gate = SliceGap(by=["sex"], min_rows=1, **dict.fromkeys(compared, bound))
            assert gate.check(evidence(slices=slices)).outcome == outcome


def test_calibration_is_the_error_of_the_recorded_curve(evidence):
    rng = np.random.default_rng(1)
    probability = rng.random(5000)
    target = (rng.random(5000) < probability**2).astype(np.float64)
    error = ECE(target, probability)
    curve = evidence(calibration=reliability(target, probability))
    assert Calibration(max_error=error + 1e-9).check(curve).outcome == "pass"
    assert Calibration(max_error=error - 1e-9).check(curve).outcome == "block"


def test_calibration_without_probabilities_cannot_judge(evidence):
    assert Calibration(max_error=0.1).check(evidence()).outcome == "error"
    bins = (
        CalibrationBin(probability=0.2, share=0.3, num_rows=30),
        CalibrationBin(probability=0.8, share=0.8, num_rows=10),
    )
    finding = Calibration(max_error=0.1).check(evidence(calibration=bins))
    assert (finding.outcome, finding.found, finding.required) == ("pass", "error 0.075", "at most 0.1")


def test_latency(evidence):
    gate = LatencyGate(p95="50 ms", rows=1000)
    said = Finding(gate="latency", outcome="pass", found="4 ms for 1,000 rows", required="at worst 50 ms")
    assert gate.check(evidence(latency=Latency(p95_s=0.004, num_rows=1000, num_times=40))) == said
    assert gate.check(evidence(latency=Latency(p95_s=0.06, num_rows=1000, num_times=40))).outcome == "block"
    other = gate.check(evidence(latency=Latency(p95_s=0.004, num_rows=1, num_times=40)))
    assert (other.outcome, other.found) == ("error", "it was measured for 1 row")
    assert gate.check(evidence()).outcome == "error"
    assert LatencyGate.model_validate(gate.model_dump(mode="json")) == gate


def test_model_size(evidence):
    gate = ModelSize(at_most="2 MB")
    said = Finding(gate="model-size", outcome="pass", found="1.9 MB", required="at most 2.0 MB")
    assert gate.check(evidence(candidate_bytes=1_900_000)) == said
    assert gate.check(evidence(candidate_bytes=2_000_001)).outcome == "block"
    assert gate.check(evidence()).outcome == "error"
