"""The gate `beats-champion`: better than the model in use."""

from dataclasses import replace

from pydantic import FiniteFloat

from raytemplate.evaluation.metrics.metric import distance_from_best
from raytemplate.governance.evidence import Evidence
from raytemplate.governance.figures import measured
from raytemplate.governance.gates.gain import gain_finding, seen_text
from raytemplate.governance.options import GateOptions
from raytemplate.governance.thin import held_if_thin
from raytemplate.records.evaluated import Evaluation, Scored
from raytemplate.records.judged import Finding

_LEAST_SHARE = 0.01
_LET_A_PERSON = (
    "if it stays so: run with --set governance.gates.beats-champion.severity=hold, then promote the run with a reason"
)


class BeatsChampion(GateOptions):
    """The candidate must be better than the champion, both scored now on the same test rows that neither has seen."""

    min_gain: FiniteFloat | None = None
    """Least gain at the weak end of the paired 95 % interval, in the metric's unit and direction; 0 means any gain, a
    negative value is how much worse the candidate may be. Default: any gain at the weak end, and a gain itself of at
    least 1 % of the champion's loss (of 1 - value for a share whose best is 1, such as AUC); for metrics without a
    known worst, such as r2, any gain."""

    def check(self, evidence: Evidence) -> Finding:
        """Passes if the candidate is shown to be better; skips if there is no champion."""
        evaluation = evidence.evaluation
        problem = not_comparable(evaluation)
        if problem:
            hint = _LET_A_PERSON if evaluation.champion_problem else ""
            return Finding(gate="beats-champion", outcome="block", found=problem, hint=hint)
        if evaluation.champion is None:
            return Finding(gate="beats-champion", outcome="skip", found="no champion yet")
        return held_if_thin(self._better(evaluation, evaluation.champion), evaluation)

    def _better(self, evaluation: Evaluation, champion: Scored) -> Finding:
        if self.min_gain is not None:
            return gain_finding("beats-champion", evaluation, champion, self.min_gain)
        return _more_than_a_trifle(evaluation, champion)


def _more_than_a_trifle(evaluation: Evaluation, champion: Scored) -> Finding:
    """Passes if the candidate is better, and by enough to be worth a new model."""
    finding = gain_finding("beats-champion", evaluation, champion, 0.0)
    value = champion.metrics.get(evaluation.metric)
    loss = distance_from_best(evaluation.metric, value.estimate.value) if value else None
    if loss is None or champion.difference is None:
        return finding
    least, gain = _LEAST_SHARE * loss, champion.difference.gain.value
    finding = replace(finding, required=f"better, by at least {measured(least)}")
    if finding.outcome != "pass" or gain >= least:
        return finding
    share = f"{min(gain / loss * 100, 0.99):.2g} %"  # never rounded up to what is required
    found = f"{finding.found}; {measured(gain)} is {share} of its loss"
    return replace(finding, outcome="block", found=found, hint="a trifle: set min_gain if it is worth a new model")


def not_comparable(evaluation: Evaluation) -> str:
    """Why the champion cannot be compared with; "" if it can, or if there is none."""
    champion = evaluation.champion_ref
    if evaluation.champion_problem:
        return evaluation.champion_problem
    if champion is None:
        return "" if evaluation.champion is None else "scores of a champion that the ledger does not name"
    if champion.split or evaluation.split:
        return (
            "" if evaluation.champion is not None and champion.split == evaluation.split else _other_split(evaluation)
        )
    if champion.seen_until is None:
        return f"version {champion.version}: not recorded until when it has seen data"
    if champion.seen_until > evaluation.test_start:
        return seen_text(f"version {champion.version}", champion.seen_until, evaluation.test_start)
    return "" if evaluation.champion is not None else f"version {champion.version} was not scored"


def _other_split(evaluation: Evaluation) -> str:
    """Why the champion may have seen test rows: only an identical split (shares, seed, columns) keeps rows apart."""
    champion = evaluation.champion_ref
    assert champion is not None
    if champion.split == evaluation.split:
        return f"version {champion.version} was not scored"
    if champion.split and evaluation.split:
        differs = "its data.split had other shares, seed or keys, or columns of other types"
        return f"version {champion.version} has seen test rows: {differs}"
    theirs, ours = ("row hash" if split else "time" for split in (champion.split, evaluation.split))
    return f"version {champion.version} may have seen test rows: its data was split by {theirs}, this by {ours}"
