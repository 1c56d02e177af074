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
    """What a run has spent: seconds, and US dollars."""

    seconds: float = 0.0
    usd: float = 0.0
    unpriced_s: float = 0.0
    """Seconds among those whose dollars no record names any more."""


@dataclass(kw_only=True)
class Meter:
    """Says whether a run may go on, from a clock that never goes back.

    Args:
        limit_s: seconds the whole run may take.
        limit_usd: US dollars the whole run may cost.
        reserve_s, reserve_usd: kept for what comes after training.
        judging_s, judging_usd: what all processes of the run together may spend beyond the limits to judge a candidate.
        usd_per_s: price of what the run holds from its start to its end.
        earlier: spent before this process: a resumed run never gets a second budget.
    """

    limit_s: float
    limit_usd: float
    reserve_s: float = 0.0
    reserve_usd: float = 0.0
    judging_s: float = 0.0
    judging_usd: float = 0.0
    usd_per_s: float = 0.0
    earlier: Spent = Spent()
    clock: Clock = time.monotonic
    started: float = field(default_factory=time.monotonic)

    on_change: Callable[[], None] | None = None
    """Called when the price of what is held has changed."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._rate, self._since, self._usd = self.usd_per_s, self.started, 0.0

    @contextmanager
    def holding(self, usd_per_s: float) -> Generator[None]:
        """While in here the run holds something besides, at this price."""
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
        """US dollars a second of all that is held now."""
        return self._rate

    def here(self) -> Spent:
        """Spent by this process so far."""
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
        """Seconds left until the end of the run, by time or by money, whichever ends first. May be negative."""
        return min(self._left_s())

    def judging_remaining_s(self) -> float:
        """Seconds until a candidate must have been judged: the budget, and what a run has once beyond it for that."""
        return min(self._left_s(-self.judging_s, -self.judging_usd))

    def training_remaining_s(self) -> float:
        """Seconds left for training: what comes after it is already taken off."""
        return min(self._left_s(self.reserve_s, self.reserve_usd))

    def ended_by(self, *, training: bool = False) -> Literal["budget.time", "budget.cost"]:
        """The field of the budget that ends first at the present rate: of the run, or of its training."""
        by_time, by_money = self._left_s(self.reserve_s, self.reserve_usd) if training else self._left_s()
        return "budget.time" if by_time <= by_money else "budget.cost"

    def told(self) -> str:
        """How far the budget that ends first is spent: "budget.time: 61 s of 60 s"."""
        if self.ended_by() == "budget.time":
            return f"budget.time: {self.elapsed_s():.0f} s of {self.limit_s:.0f} s"
        return f"budget.cost: {self.spent_usd():.4f} USD of {self.limit_usd:.4f} USD"

    def _left_s(self, kept_s: float = 0.0, kept_usd: float = 0.0) -> tuple[float, float]:
        """Seconds left by time and by money, both of one moment, less what is kept."""
        here, rate = self.here(), self._rate
        by_time = self.limit_s - self.earlier.seconds - here.seconds - kept_s
        left_usd = self.limit_usd - self.earlier.usd - here.usd - kept_usd
        if rate <= 0:  # on a machine that is free a budget of nothing is enough
            return by_time, math.inf if left_usd > 0 or self.earlier.usd + here.usd == 0 else -math.inf
        return by_time, left_usd / rate
