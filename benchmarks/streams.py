"""Worlds whose truth is known, as rows of any days, for the retrains of `decisions.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]
START = datetime(2020, 1, 6, tzinfo=UTC)
TRAIN, VALIDATION, TEST, EVERY = 84, 14, 28, 28
"""Days of each window, and between two retrains."""
BREAK_DAY = TRAIN + VALIDATION + TEST + 2 * EVERY - 6
"""Six days before the third retrain: the test window of the fourth is entirely after it."""
NOISE, OF_A_DAY, OF_A_SHOP = 0.5, 0.15, 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """A kind of world: by how many degrees its weights have turned on each day."""

    name: str
    degrees: Callable[[Floats], NDArray[np.floating]]
    limit: float | None = None
    """A metric-limit on the RMSE."""
    must_be_flagged: bool = False
    """Whether the first run whose test window is entirely after the break must report that the champion fails."""


STREAMS = (
    Stream(name="no change", degrees=np.zeros_like),
    Stream(name="slow decay", degrees=lambda day: 10 * day / EVERY),
    Stream(name="sudden break", degrees=lambda day: 50.0 * (day >= BREAK_DAY), limit=0.8, must_be_flagged=True),
    Stream(name="season", degrees=lambda day: 40 * np.sin(2 * np.pi * day / 364)),
    Stream(name="worse than the mean", degrees=lambda day: 150.0 * (day >= BREAK_DAY), must_be_flagged=True),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """One stream with its seed. A day always has the same rows."""

    stream: Stream
    seed: int

    def rows(self, first: int, last: int, a_day: int, draw: int) -> pa.Table:
        """Rows of the days from `first` to before `last`; another `draw` gives other rows of the same days."""
        return pa.concat_tables(self._day(day, a_day, draw) for day in range(first, last))

    def _day(self, day: int, num_rows: int, draw: int) -> pa.Table:
        axes = np.linalg.qr(np.random.default_rng(self.seed).normal(size=(4, 4)))[0]
        angle = np.deg2rad(self.stream.degrees(np.array([day], float))[0])
        weights = np.cos(angle) * axes[0] + np.sin(angle) * axes[1]
        of_day = np.random.default_rng([self.seed, day]).normal(0, OF_A_DAY)
        random = np.random.default_rng([self.seed, day, draw])
        x, shop = random.normal(size=(num_rows, 4)), random.integers(0, 6, num_rows)
        moments = [START + timedelta(days=day, seconds=int(second)) for second in random.integers(0, 86_400, num_rows)]
        return pa.table(
            {
                "id": np.arange(num_rows) + day * num_rows,
                "at": moments,
                **{f"x{n + 1}": x[:, n] for n in range(4)},
                "shop": [f"s{number}" for number in shop],
                "y": x @ weights + OF_A_SHOP * shop + of_day + random.normal(0, NOISE, num_rows),
            }
        )
