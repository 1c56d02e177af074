"""What the evidence tells about the champion: whether it has failed, and whether it would pass its gates today."""

from collections.abc import Mapping
from dataclasses import replace

from raytemplate.governance.evidence import Evidence
from raytemplate.governance.gates.beats_champion import not_comparable
from raytemplate.governance.gates.gate import Gate, checked
from raytemplate.governance.thin import LEAST_UNITS
from raytemplate.records.evaluated import Evaluation, Scored
from raytemplate.records.judged import Finding

_JUDGED = ("metric-limit", "beats-baseline", "slice-limit", "slice-gap", "latency")
"""Gates that judge a model by itself, from what every run measures of the champion."""


def judge_champion(gates: Mapping[str, Gate], evidence: Evidence) -> tuple[Finding, ...]:
    """The findings about the champion on the test rows of a run: would it pass today?

    Empty if no champion was scored on rows that it had not seen.
    """
    evaluation = evidence.evaluation
    if evaluation.champion is None or not_comparable(evaluation):
        return ()
    return judge_alone(gates, replace(evidence, evaluation=_seated(evaluation, evaluation.champion)))


def judge_alone(gates: Mapping[str, Gate], evidence: Evidence) -> tuple[Finding, ...]:
    """The findings of all gates but `beats-champion`, with the candidate treated as a model in service.

    Gates on anything that is not measured of a champion skip. Thin evidence holds a candidate back, but does not count
    against a champion.
    """
    num_groups = max(evidence.evaluation.num_groups, LEAST_UNITS)
    known = replace(evidence, evaluation=replace(evidence.evaluation, num_groups=num_groups))
    return tuple(
        checked(name, gate, known) if name in _JUDGED and _is_measured(name, known) else _not_measured(name)
        for name, gate in gates.items()
        if name != "beats-champion"
    )


def soften_if_champion_failed(findings: tuple[Finding, ...], evaluation: Evaluation) -> tuple[Finding, ...]:
    """The findings, with `beats-baseline` a hold instead of a block if the champion has failed.

    The champion has failed if its own paired interval against the baseline is entirely worse, and the candidate passes
    `beats-champion` (or would, on more units) and is shown to be better. The champion is then the worst of the three,
    so a person chooses between the candidate and a rollback.
    """
    champion = evaluation.champion
    if champion is None or champion.against_baseline is None or champion.difference is None:
        return findings
    passes = any(f.gate == "beats-champion" and f.outcome in ("pass", "hold") for f in findings)
    if champion.against_baseline.gain.high >= 0 or champion.difference.gain.low <= 0 or not passes:
        return findings
    return tuple(
        _softened(f, evaluation) if (f.gate, f.outcome) == ("beats-baseline", "block") else f for f in findings
    )


def _softened(finding: Finding, evaluation: Evaluation) -> Finding:
    version = evaluation.champion_ref.version if evaluation.champion_ref else 0
    hint = (
        f"the champion (version {version}) is worse than the simple rule; this model is better than the champion but "
        "not shown better than the rule: `raytemplate promote RUN --reason ...` or `raytemplate rollback MODEL`"
    )
    return replace(finding, outcome="hold", found=f"{finding.found}; the champion has failed", hint=hint)


def _seated(evaluation: Evaluation, champion: Scored) -> Evaluation:
    """The evaluation as it would be if the champion were the candidate."""
    baseline = evaluation.baseline and replace(evaluation.baseline, difference=champion.against_baseline)
    slices = tuple(
        replace(one, candidate=one.champion, champion=None) for one in evaluation.slices if one.champion is not None
    )
    ref = evaluation.champion_ref
    return replace(
        evaluation,
        candidate=champion,
        baseline=baseline,
        champion=None,
        champion_ref=None,
        slices=slices,
        latency=evaluation.champion_latency,
        candidate_seen_until=ref.seen_until if ref and ref.seen_until else evaluation.candidate_seen_until,
    )


def _is_measured(name: str, evidence: Evidence) -> bool:
    """Whether the record holds what the gate needs about the champion; records of earlier versions lack some of it."""
    evaluation = evidence.evaluation
    if name == "beats-baseline":
        return evaluation.baseline is not None and evaluation.baseline.difference is not None
    if name == "latency":
        return evaluation.latency is not None
    return name == "metric-limit" or bool(evaluation.slices)


def _not_measured(name: str) -> Finding:
    return Finding(gate=name, outcome="skip", found="not measured")
