"""The record of a run that was trained again from its records."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricAgain:
    """A metric of the candidate on the test window, as the run recorded it and as measured again."""

    name: str
    """Id of the metric."""

    recorded: float

    again: float

    tolerance: float
    """Largest share of the recorded value by which the two may differ."""

    @property
    def agrees(self) -> bool:
        """Whether the two differ by no more than the tolerance."""
        return abs(self.again - self.recorded) <= self.tolerance * abs(self.recorded) + 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Reproduction:
    """A run's candidate, trained again from the run's records, beside the one that was recorded."""

    run_id: str

    at: datetime

    weights_recorded: str
    """sha256 of the candidate's weights, as the run recorded it."""

    weights_again: str
    """sha256 of the weights that were trained again."""

    inexact: str
    """Why the weights need not be equal bit for bit, in words; "" if they must be."""

    metrics: tuple[MetricAgain, ...]
    """The candidate's metrics; empty if the run ended before it was evaluated."""

    wall_clock_s: float
    """Seconds that training and measuring again took."""

    @property
    def same_weights(self) -> bool:
        """Whether the weights are equal bit for bit."""
        return self.weights_again == self.weights_recorded

    @property
    def succeeded(self) -> bool:
        """Whether the run could be made again: equal weights if they must be equal, and metrics that agree."""
        return (self.same_weights or bool(self.inexact)) and all(metric.agrees for metric in self.metrics)
