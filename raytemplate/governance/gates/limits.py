"""Settings of gates that limit metrics, one field for each metric."""

from typing import ClassVar, Self

from pydantic import ConfigDict, Field, FiniteFloat, model_validator

from raytemplate import plugins
from raytemplate.evaluation.metrics.metric import range_of
from raytemplate.governance.figures import limit
from raytemplate.governance.options import GateOptions
from raytemplate.records.evaluated import MetricValue


class MetricLimits(GateOptions):
    """Limits by metric, in addition to the gate's own settings."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, FiniteFloat] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = [name for name in self.limits if not plugins.is_known(plugins.METRICS, name)]
        if unknown:
            raise ValueError("; ".join(plugins.no_such(plugins.METRICS, name) for name in unknown))
        if not self.limits:
            raise ValueError("expected at least one metric with its limit, such as mae: 12")
        return self

    of: ClassVar[str] = ""
    """What is limited, in a message after "can be"; "" for the metric's value."""

    @property
    def limits(self) -> dict[str, float]:
        """Limits by metric."""
        return dict(self.__pydantic_extra__)

    @staticmethod
    def possible(name: str) -> tuple[float, float]:
        """The range of limits on a metric that can be both met and missed; infinite if unknown."""
        return range_of(name)


def within(metric: MetricValue, bound: float) -> bool:
    """Whether a metric is at its limit or better. NaN never is, since comparisons with it are False."""
    value = metric.estimate.value
    return value >= bound if metric.higher_is_better else value <= bound


def required(metric: MetricValue, bound: float) -> str:
    """ "at worst 12" """
    return f"at least {limit(bound)}" if metric.higher_is_better else f"at worst {limit(bound)}"
