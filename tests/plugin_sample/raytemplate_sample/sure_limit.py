"""The gate `sure-limit`: how bad a metric may be at the far end of its interval."""

from __future__ import annotations

from pydantic import FiniteFloat

from raytemplate.governance.evidence import Evidence
from raytemplate.governance.figures import limit, measured
from raytemplate.governance.options import GateOptions
from raytemplate.records.judged import Finding


class SureLimit(GateOptions):
    """The whole 95 % interval of one metric is on the good side of a limit; `metric-limit` looks at its middle."""

    metric: str
    """The metric, one that is computed."""

    limit: FiniteFloat
    """The limit, in the metric's unit and direction."""

    def check(self, evidence: Evidence) -> Finding:
        """Passes where the worse end of the interval is within."""
        found = evidence.evaluation.candidate.metrics.get(self.metric)
        if found is None:
            hint = f"add {self.metric} to evaluation.also"
            return Finding(gate="sure-limit", outcome="error", found=f"{self.metric} was not computed", hint=hint)
        end = found.estimate.low if found.higher_is_better else found.estimate.high
        kept = end >= self.limit if found.higher_is_better else end <= self.limit
        return Finding(
            gate="sure-limit",
            outcome="pass" if kept else "block",
            found=f"{self.metric} {measured(end)} at the far end",
            required=f"{'at least' if found.higher_is_better else 'at worst'} {limit(self.limit)}",
        )
