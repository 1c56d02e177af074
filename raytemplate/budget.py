"""The meter that holds a run to its budget: pure rules over a clock, no engine.

Cost is what is held, not what is used: the rates come from the plan, the time from the clock.
"""

import math
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

Clock = Callable[[], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What a run has spent."""

    seconds: float = 0.0

    usd: float = 0.0
    """US dollars."""

    unpriced_s: float = 0.0
    """Those of `seconds` whose cost is no longer recorded, so that `usd` lacks it."""


@dataclass(kw_only=True)
class Meter:
    """Tells how much of a run's budget is left, by a clock that never goes back."""

    limit_s: float
    """Seconds that the whole run may take."""

    limit_usd: float
    """US dollars that the whole run may cost."""

    reserve_s: float = 0.0
    """Seconds kept back for the stages after training."""

    reserve_usd: float = 0.0
    """US dollars kept back for the stages after training."""

    judging_s: float = 0.0
    """Seconds beyond the limit that all processes of the run together may spend on judging a candidate."""

    judging_usd: float = 0.0
    """US dollars beyond the limit that all processes of the run together may spend on judging a candidate."""

    usd_per_s: float = 0.0
    """US dollars a second for what the run holds from its start to its end."""

    earlier: Spent = Spent()
    """Spent before this process; a resumed run never gets a second budget."""

    clock: Clock = time.monotonic
    """Seconds on a clock that never goes back."""

    started: float = field(default_factory=time.monotonic)
    """When this process started, on that clock."""

    on_change: Callable[[], None] | None = None
    """Called when the rate of what is held has changed."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._rate, self._since, self._usd = self.usd_per_s, self.started, 0.0

    @contextmanager
    def holding(self, usd_per_s: float) -> Generator[None]:
        """Charge the run for something it holds inside this context, in addition to the rest.

        Args:
            usd_per_s: its price.
        """
        self._change(usd_per_s)
        try:
            yield
        finally:
            self._change(-usd_per_s)

    def _change(self, usd_per_s: float) -> None:
        with self._lock:
            now = self.clock()
            self._usd += (now - self._since) * self._rate
            self._since, self._rate = now, self._rate + usd_per_s
        if self.on_change is not None:
            self.on_change()

    @property
    def rate(self) -> float:
        """US dollars a second for everything that is held now."""
        return self._rate

    def here(self) -> Spent:
        """What this process has spent so far."""
        with self._lock:
            now = self.clock()
            return Spent(seconds=now - self.started, usd=self._usd + (now - self._since) * self._rate)

    def elapsed_s(self) -> float:
        """Seconds of the whole run so far, earlier processes included."""
        return self.earlier.seconds + self.here().seconds

    def spent_usd(self) -> float:
        """US dollars so far, earlier processes included."""
        return self.earlier.usd + self.here().usd

    def remaining_s(self) -> float:
        """Seconds left for the run, by time or by money, whichever ends first. May be negative."""
        return min(self._left_s())

    def judging_remaining_s(self) -> float:
        """Seconds left to judge a candidate: the rest of the budget and the extra that a run has once for judging."""
        return min(self._left_s(-self.judging_s, -self.judging_usd))

    def training_remaining_s(self) -> float:
        """Seconds left for training, with the reserve for later stages already subtracted."""
        return min(self._left_s(self.reserve_s, self.reserve_usd))

    def ended_by(self, *, training: bool = False) -> Literal["budget.time", "budget.cost"]:
        """The budget field that ends the run (or with `training`, its training) first at the present rate."""
        by_time, by_money = self._left_s(self.reserve_s, self.reserve_usd) if training else self._left_s()
        return "budget.time" if by_time <= by_money else "budget.cost"

    def told(self) -> str:
        """How much of the budget that ends first is spent: "budget.time: 61 s of 60 s"."""
        if self.ended_by() == "budget.time":
            return f"budget.time: {self.elapsed_s():.0f} s of {self.limit_s:.0f} s"
        return f"budget.cost: {self.spent_usd():.4f} USD of {self.limit_usd:.4f} USD"

    def _left_s(self, kept_s: float = 0.0, kept_usd: float = 0.0) -> tuple[float, float]:
        """Seconds left by time and by money at the same moment, less what is kept back."""
        here, rate = self.here(), self._rate
        by_time = self.limit_s - self.earlier.seconds - here.seconds - kept_s
        left_usd = self.limit_usd - self.earlier.usd - here.usd - kept_usd
        if rate <= 0:  # on a free machine a budget of 0 USD is enough
            return by_time, math.inf if left_usd > 0 or self.earlier.usd + here.usd == 0 else -math.inf
        return by_time, left_usd / rate
