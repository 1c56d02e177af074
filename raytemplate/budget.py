"""The meter that holds a run to its budget: pure rules over a clock, no engine.

Cost is what is held, not what is used: CPUs held x hours x price.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

Clock = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Meter:
    """Says whether a run may go on, from a clock that never goes back.

    Args:
        limit_s: seconds the whole run may take.
        reserve_s: seconds kept for what comes after training.
        usd_per_s: price of what the run holds.
        limit_usd: US dollars the whole run may cost.
        spent_s: seconds spent before this process (a resumed run never gets a second budget).
    """

    limit_s: float
    limit_usd: float
    reserve_s: float = 0.0
    usd_per_s: float = 0.0
    spent_s: float = 0.0
    clock: Clock = time.monotonic
    started: float = field(default_factory=time.monotonic)

    def elapsed_s(self) -> float:
        """Seconds of the whole run so far, earlier processes included."""
        return self.spent_s + self.clock() - self.started

    def spent_usd(self) -> float:
        """US dollars so far."""
        return self.elapsed_s() * self.usd_per_s

    def remaining_s(self) -> float:
        """Seconds left until the end of the run, by time or by money, whichever ends first. May be negative."""
        by_time = self.limit_s - self.elapsed_s()
        if self.usd_per_s <= 0:
            return by_time
        return min(by_time, (self.limit_usd - self.spent_usd()) / self.usd_per_s)

    def training_remaining_s(self) -> float:
        """Seconds left for training: what comes after it is already taken off."""
        return self.remaining_s() - self.reserve_s
