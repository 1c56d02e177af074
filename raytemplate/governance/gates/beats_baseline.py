"""The gate `beats-baseline`: better than the simple rule."""

from pydantic import FiniteFloat

from raytemplate.governance.evidence import Evidence
from raytemplate.governance.gates.gain import gain_finding
from raytemplate.governance.options import GateOptions
from raytemplate.governance.thin import held_if_thin
from raytemplate.records.judged import Finding


class BeatsBaseline(GateOptions):
    """The candidate must be better than the baseline of `evaluation.baseline` on the same test rows."""

    min_gain: FiniteFloat = 0.0
    """Least gain at the weak end of the paired 95 % interval, in the metric's unit and direction; 0 means any gain, a
    negative value is how much worse the candidate may be. Default: 0."""

    def check(self, evidence: Evidence) -> Finding:
        """Passes if the candidate is shown to be better; an error if no baseline was scored."""
        evaluation = evidence.evaluation
        if evaluation.baseline is None:
            return Finding(
                gate="beats-baseline", outcome="error", found="no baseline was scored", hint="set evaluation.baseline"
            )
        return held_if_thin(gain_finding("beats-baseline", evaluation, evaluation.baseline, self.min_gain), evaluation)
