"""The contract of a gate as tests; the author of a gate subclasses the suite.

class TestMine(GateSuite):
    gate = "mine"
    passes = {"least": 10}
    blocks = {"least": 1_000_000}
"""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, cast

import pytest
from pydantic import ValidationError

from raytemplate import plugins
from raytemplate.governance.evidence import Evidence
from raytemplate.governance.gates.gate import Gate
from raytemplate.governance.options import GateOptions
from raytemplate.options import field_docs
from raytemplate.records import codec
from raytemplate.records.evaluated import CalibrationBin, Estimate, Latency, MetricValue, Scored, Slice
from raytemplate.records.judged import Finding
from raytemplate.testing.samples import sample_columns, sample_evaluation, sample_slices, sample_snapshot

_NAN = Estimate(value=math.nan, low=math.nan, high=math.nan)


def sample_evidence() -> Evidence:
    """Good evidence to test gates on: MAE 6.94 (6.44 to 7.44), RMSE, R2; better than baseline and champion; 141,497
    training rows; slices by carrier (MAE 6.1 and 10.22) and distance; probabilities that are off by 0.02; 4 ms for
    1,000 rows; a model of 1 MB; `distance` alone explains 0.86."""
    evaluation = sample_evaluation(
        slices=sample_slices(),
        calibration=(CalibrationBin(probability=0.3, share=0.32, num_rows=12_695),),
        latency=Latency(p95_s=0.004, num_rows=1000, num_times=100),
        candidate_bytes=1_000_000,
        columns=sample_columns(),
    )
    return Evidence(evaluation=evaluation, snapshot=sample_snapshot())


def no_evidence() -> Evidence:
    """Evidence in which nothing was measured, counted or compared."""
    bare = Scored(name="candidate", metrics={})
    evaluation = sample_evaluation(candidate=bare, baseline=None, champion=None, champion_ref=None, num_rows=0)
    return Evidence(evaluation=evaluation, snapshot=sample_snapshot(files=(), windows=()))


def undefined_evidence() -> Evidence:
    """Evidence in which every measured value is NaN."""
    evidence = sample_evidence()
    found = evidence.evaluation
    scored = {name: _undefined(getattr(found, name)) for name in ("candidate", "baseline", "champion")}
    changed: dict[str, Any] = {
        "slices": tuple(_undefined_slice(one) for one in found.slices),
        "calibration": tuple(replace(one, probability=math.nan, share=math.nan) for one in found.calibration),
        "latency": Latency(p95_s=math.nan, num_rows=1000, num_times=100),
        "columns": tuple(replace(one, explained=math.nan, importance=_NAN) for one in found.columns),
    }
    return replace(evidence, evaluation=replace(found, **scored, **changed))


def _undefined(scored: Scored) -> Scored:
    difference = replace(scored.difference, estimate=_NAN, gain=_NAN) if scored.difference else None
    return replace(scored, metrics=_undefined_metrics(scored.metrics), difference=difference)


def _undefined_slice(one: Slice) -> Slice:
    champion = _undefined_metrics(one.champion) if one.champion else None
    return replace(one, candidate=_undefined_metrics(one.candidate), champion=champion)


def _undefined_metrics(metrics: Mapping[str, MetricValue]) -> dict[str, MetricValue]:
    return {name: replace(metric, estimate=_NAN) for name, metric in metrics.items()}


class GateSuite:
    """What every gate must do."""

    gate: ClassVar[str]
    """Its name in `plugins.py` or among the entry points."""
    passes: ClassVar[Mapping[str, Any]]
    """Settings with which `sample_evidence` passes."""
    blocks: ClassVar[Mapping[str, Any]]
    """Settings with which it is blocked."""

    def test_good_evidence_passes_and_bad_is_blocked_in_words(self) -> None:
        passed, blocked = self._finding(self.passes), self._finding(self.blocks)
        assert (passed.gate, passed.outcome) == (self.gate, "pass")
        assert (blocked.gate, blocked.outcome) == (self.gate, "block")
        assert blocked.found and blocked.required, "a person must see what was found and what was required"

    def test_the_same_evidence_gives_the_same_finding_and_is_left_as_it_is(self) -> None:
        evidence = sample_evidence()
        before = codec.dumps(evidence)
        gate = self._gate(self.blocks)
        assert gate.check(evidence) == gate.check(evidence) == self._finding(self.blocks)
        assert codec.dumps(evidence) == before

    def test_without_evidence_nothing_passes_and_nothing_crashes(self) -> None:
        for settings in (self.passes, self.blocks):
            finding = self._gate(settings).check(no_evidence())
            assert finding.outcome in ("block", "skip", "error") and finding.found, finding

    def test_a_value_that_is_not_defined_never_passes(self) -> None:
        finding = self._gate(self.passes).check(undefined_evidence())
        looks_elsewhere = finding == self._finding(self.passes)
        assert looks_elsewhere or finding.outcome in ("block", "skip", "error"), finding

    def test_its_settings_are_frozen_and_survive_a_plan(self) -> None:
        gate = self._options().model_validate(dict(self.blocks))
        with pytest.raises(ValidationError):
            setattr(gate, next(iter(type(gate).model_fields)), "block")
        kept = json.loads(json.dumps(gate.model_dump(mode="json")))
        assert cast(Gate, self._options().model_validate(kept)).check(sample_evidence()) == self._finding(self.blocks)

    def test_an_unknown_setting_is_refused(self) -> None:
        with pytest.raises(ValidationError):
            self._options().model_validate({**self.passes, "no_such_setting": "x"})

    def test_every_setting_is_documented_and_a_failure_blocks_by_default(self) -> None:
        assert [name for name, doc in field_docs(self._options()).items() if not doc] == []
        assert self._gate(self.passes).severity in ("block", "hold")

    def _options(self) -> type[GateOptions]:
        return plugins.load(plugins.GATES, self.gate)

    def _gate(self, settings: Mapping[str, Any]) -> Gate:
        return cast(Gate, self._options().model_validate(dict(settings)))

    def _finding(self, settings: Mapping[str, Any]) -> Finding:
        return self._gate(settings).check(sample_evidence())
