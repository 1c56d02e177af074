"""Every record goes to JSON and comes back equal; anything else is refused with a message."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytemplate.errors import IntegrityError
from raytemplate.planning.stages import FeatureStep, RunPlan, plan_id
from raytemplate.records.codec import Settings, dumps, loads
from raytemplate.records.evaluated import ChampionRef, Estimate, Evaluation
from raytemplate.records.fitted import EpochRecord, FitResult
from raytemplate.testing import sample_plans, samples

RECORDS: tuple[Any, ...] = (
    sample_plans.sample_plan(),
    sample_plans.sample_ingest_stage(),
    sample_plans.sample_fit_stage(),
    sample_plans.sample_evaluate_stage(),
    sample_plans.sample_govern_stage(),
    sample_plans.sample_forecast(),
    samples.sample_snapshot(),
    samples.sample_profile(),
    samples.sample_candidate(),
    samples.sample_fit(),
    samples.sample_evaluation(),
    samples.sample_first_evaluation(),
    samples.sample_verdict(waivers=(samples.sample_waiver(),)),
    samples.sample_held(),
    samples.sample_rejected(),
    samples.sample_verdict_record(),
    samples.sample_verdict_record(verdict=samples.sample_held()),
    samples.sample_verdict_record(verdict=samples.sample_rejected()),
    samples.sample_promotion(),
    samples.sample_start(),
    samples.sample_end(),
    samples.sample_end(timeline_s=None),
    samples.sample_attempt(),
)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)


def _same(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_round_trip_gives_an_equal_record(record: Any) -> None:
    back: Any = loads(record.__class__, dumps(record))
    assert back == record


def test_plan_keeps_its_id_after_a_round_trip() -> None:
    plan = sample_plans.sample_plan()
    assert plan_id(loads(RunPlan, dumps(plan))) == plan_id(plan)


def test_record_keeps_its_own_field_named_kind() -> None:
    step = FeatureStep(kind="numeric", column="distance", settings=Settings({"kind": "x"}))
    assert loads(FeatureStep, dumps(step)) == step


@given(value=FLOATS, low=FLOATS, high=FLOATS)
def test_round_trip_of_an_estimate_keeps_inf_and_nan(value: float, low: float, high: float) -> None:
    back = loads(Estimate, dumps(Estimate(value=value, low=low, high=high)))
    assert all(_same(a, b) for a, b in ((back.value, value), (back.low, low), (back.high, high)))


@given(epoch=st.integers(), loss=FLOATS, rows=st.integers(), checkpoint=st.text())
def test_round_trip_of_an_epoch(epoch: int, loss: float, rows: int, checkpoint: str) -> None:
    record = EpochRecord(
        epoch=epoch,
        train_loss=loss,
        validation=1.5,
        num_rows=rows,
        loop_s=0.1,
        wall_clock_s=0.2,
        checkpoint=checkpoint,
    )
    back = loads(EpochRecord, dumps(record).decode(errors="strict"))
    assert _same(back.train_loss, loss)
    assert (back.epoch, back.num_rows, back.checkpoint) == (epoch, rows, checkpoint)


def test_newer_schema_is_refused_with_what_to_do() -> None:
    with pytest.raises(IntegrityError) as caught:
        loads(Estimate, '{"schema": 2, "kind": "Estimate"}', where="fit.json")
    assert caught.value.what == "fit.json: written with schema 2, this version reads up to 1"
    assert caught.value.next_step == "pip install --upgrade raytemplate"


@pytest.mark.parametrize("junk", ["", "[1", "[]", "3", "null", "{}", '{"schema": true}', b"\xff", "[" * 100_000])
def test_junk_is_not_a_record(junk: str | bytes) -> None:
    with pytest.raises(IntegrityError, match=r"^x\.json: not a record: "):
        loads(Estimate, junk, where="x.json")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Estimate, '"value": 1, "low": 1'),
        (Estimate, '"value": [], "low": 1, "high": 1'),
        (Estimate, '"value": true, "low": 1, "high": 1'),
        (Estimate, '"value": "1.5", "low": 1, "high": 1'),
        (Estimate, f'"value": {10**400}, "low": 1, "high": 1'),
        (Estimate, '"kind": "Evaluation", "value": 1, "low": 1, "high": 1'),
        (FitResult, '"candidate": 3'),
        (Evaluation, '"candidate": {"kind": "Scored", "name": "x", "metrics": 3}'),
        (ChampionRef, '"version": true, "digest": "x", "term": 1, "run_id": "x", "seen_until": null'),
        (FeatureStep, '"kind": 3, "column": "x", "settings": {}'),
        (samples.Rejected, '"findings": "text"'),
    ],
)
def test_wrong_content_is_an_integrity_error(kind: type[Any], text: str) -> None:
    with pytest.raises(IntegrityError, match=f"^record: not a {kind.__name__}: "):
        loads(kind, f'{{"schema": 1, {text}}}')
