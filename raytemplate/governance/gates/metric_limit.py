"""The gate `metric-limit`: how bad a metric may be."""

from raytemplate.governance.evidence import Evidence
from raytemplate.governance.figures import measured
from raytemplate.governance.gates.limits import MetricLimits, required, within
from raytemplate.records.judged import Finding


class MetricLimit(MetricLimits):
    """Limits by metric, each in the metric's unit and direction: `{mae: 12}` is 12 at worst, `{r2: 0.5}` at least 0.5.

    The candidate's value on the test rows is compared, not its interval.
    """

    def check(self, evidence: Evidence) -> Finding:
        """Passes if every metric is at its limit or better."""
        metrics = evidence.evaluation.candidate.metrics
        missing = [name for name in self.limits if name not in metrics]
        if missing:
            absent = ", ".join(missing)
            return Finding(
                gate="metric-limit",
                outcome="error",
                found=f"{absent} was not computed",
                hint=f"add {absent} to evaluation.also",
            )
        kept = all(within(metrics[name], bound) for name, bound in self.limits.items())
        return Finding(
            gate="metric-limit",
            outcome="pass" if kept else "block",
            found="; ".join(f"{name} {measured(metrics[name].estimate.value)}" for name in self.limits),
            required="; ".join(required(metrics[name], bound) for name, bound in self.limits.items()),
        )
