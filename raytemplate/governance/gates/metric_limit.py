"""The gate `metric-limit`: how bad a metric may be at worst."""

from __future__ import annotations

from pydantic import ConfigDict, Field, FiniteFloat, model_validator

from raytemplate import plugins
from raytemplate.governance.evidence import Evidence
from raytemplate.governance.figures import limit, measured
from raytemplate.governance.options import GateOptions
from raytemplate.records.evaluated import MetricValue
from raytemplate.records.judged import Finding


class MetricLimit(GateOptions):
    """Limits by metric, each in the metric's unit and direction: `{mae: 12}` is 12 at worst, `{r2: 0.5}` at least 0.5.

    The candidate's value on the test rows is compared, not its interval.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, FiniteFloat] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    @model_validator(mode="after")
    def _known(self) -> MetricLimit:
        unknown = [name for name in self.limits if not plugins.is_known(plugins.METRICS, name)]
        if unknown:
            raise ValueError("; ".join(plugins.no_such(plugins.METRICS, name) for name in unknown))
        if not self.limits:
            raise ValueError("expected at least one metric with its limit, such as mae: 12")
        return self

    @property
    def limits(self) -> dict[str, float]:
        """Limits by metric."""
        return dict(self.__pydantic_extra__)

    def check(self, evidence: Evidence) -> Finding:
        """Passes where every metric is at its limit or better."""
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
        kept = all(_within(metrics[name], bound) for name, bound in self.limits.items())
        return Finding(
            gate="metric-limit",
            outcome="pass" if kept else "block",
            found="; ".join(f"{name} {measured(metrics[name].estimate.value)}" for name in self.limits),
            required="; ".join(_required(metrics[name], bound) for name, bound in self.limits.items()),
        )


def _within(metric: MetricValue, bound: float) -> bool:
    # Comparisons with NaN are False both ways: a metric without a value is never within.
    value = metric.estimate.value
    return value >= bound if metric.higher_is_better else value <= bound


def _required(metric: MetricValue, bound: float) -> str:
    return f"at least {limit(bound)}" if metric.higher_is_better else f"at worst {limit(bound)}"
