"""How long a sweep's trials take: seconds of an epoch, of the overhead of a trial, and of the last training."""

import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from raytemplate.planning.stages import SweepStage
from raytemplate.records.fitted import EpochRecord
from raytemplate.records.swept import TrialRecord

_SPARE = 1.2
"""Multiple of its expected seconds that is reserved for the last training."""
_REMEMBERED = 50
"""Newest trials that the medians are taken over; a median over all trials would cost more with each."""


@dataclass(kw_only=True)
class Pace:
    """Learns from every trial; until a family has been seen, its epochs are forecast from the number of rows."""

    stage: SweepStage
    num_rows: int
    """Rows of the train window."""
    last_rows: int
    """Rows of the last training."""
    _epochs: dict[str, dict[int, float]] = field(default_factory=dict[str, dict[int, float]])
    _starts: deque[float] = field(default_factory=lambda: deque[float](maxlen=_REMEMBERED))

    def has_seen(self, family: str) -> bool:
        """Whether an epoch of that family has been timed."""
        return family in self._epochs

    def epoch_s(self, family: str) -> float:
        """Expected seconds of an epoch: the median of those timed, or a forecast from the rows."""
        if seen := self._epochs.get(family):
            return statistics.median(seen.values())
        rate = next(r for a, r in zip(self.stage.arms, self.stage.rows_per_s, strict=True) if a.family == family)
        return self.num_rows / rate

    def start_s(self) -> float:
        """Expected seconds of a trial apart from its epochs."""
        return statistics.median(self._starts) if self._starts else 0.0

    def last_s(self, best: TrialRecord | None) -> float:
        """Seconds to reserve for the last training, if there is one: on more rows, for the best trial's epochs."""
        if not self.stage.refit:
            return 0.0
        arm = self.stage.arms[0]
        family, num_epochs = (best.family, best.best_epoch) if best else (arm.family, arm.num_epochs)
        seconds = self.epoch_s(family) * num_epochs
        return _SPARE * (self.start_s() + seconds * self.last_rows / max(1, self.num_rows))

    def heard(self, family: str, number: int, epochs: Sequence[EpochRecord], from_epoch: int) -> None:
        """Learn from the epochs that a trial has reported in this process; it began after `from_epoch`."""
        first, last = epochs[0], epochs[-1]
        if last is first:  # the trial's start is counted in its first epoch
            self._learn(family, number, first.wall_clock_s / (first.epoch - from_epoch))
        else:
            self._learn(family, number, (last.wall_clock_s - first.wall_clock_s) / (last.epoch - first.epoch))

    def took(self, family: str, number: int, seconds: float, num_epochs: int) -> None:
        """Learn from a trial of an earlier process, or from one cut in its first epoch, whose time is a lower bound."""
        self._learn(family, number, seconds / num_epochs)

    def ended(self, family: str, number: int, seconds: float, num_epochs: int) -> None:
        """Learn the overhead of a trial that was not cut: its seconds minus those of its epochs."""
        if (epoch_s := self._epochs.get(family, {}).get(number)) is not None:
            self._starts.append(max(0.0, seconds - epoch_s * num_epochs))

    def _learn(self, family: str, number: int, epoch_s: float) -> None:
        seen = self._epochs.setdefault(family, {})
        seen[number] = epoch_s
        if len(seen) > _REMEMBERED:
            del seen[next(iter(seen))]
