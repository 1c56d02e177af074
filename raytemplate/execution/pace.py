"""What trials of a sweep take: seconds of an epoch, of what comes besides, and of the last training."""

import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from raytemplate.planning.stages import SweepStage
from raytemplate.records.fitted import EpochRecord
from raytemplate.records.swept import TrialRecord

_SPARE = 1.2
"""What the last training may take of what is expected of it."""
_REMEMBERED = 50
"""Of so many trials, the newest: a median over all would cost more and more."""


@dataclass(kw_only=True)
class Pace:
    """Learns from every trial; before one of a family was seen, its epochs are forecast from the rows.

    Args:
        num_rows: rows of the train window; `last_rows` those of the last training.
    """

    stage: SweepStage
    num_rows: int
    last_rows: int
    _epochs: dict[str, dict[int, float]] = field(default_factory=dict[str, dict[int, float]])
    _starts: deque[float] = field(default_factory=lambda: deque[float](maxlen=_REMEMBERED))

    def has_seen(self, family: str) -> bool:
        """Whether an epoch of that family was seen."""
        return family in self._epochs

    def epoch_s(self, family: str) -> float:
        """Expected seconds of an epoch: the median of those seen, else from the rows."""
        if seen := self._epochs.get(family):
            return statistics.median(seen.values())
        rate = next(r for a, r in zip(self.stage.arms, self.stage.rows_per_s, strict=True) if a.family == family)
        return self.num_rows / rate

    def start_s(self) -> float:
        """Expected seconds of a trial besides its epochs."""
        return statistics.median(self._starts) if self._starts else 0.0

    def last_s(self, best: TrialRecord | None) -> float:
        """Seconds to keep for the last training, if there is one: on more rows, for the best's number of epochs."""
        if not self.stage.refit:
            return 0.0
        arm = self.stage.arms[0]
        family, num_epochs = (best.family, best.best_epoch) if best else (arm.family, arm.num_epochs)
        seconds = self.epoch_s(family) * num_epochs
        return _SPARE * (self.start_s() + seconds * self.last_rows / max(1, self.num_rows))

    def heard(self, family: str, number: int, epochs: Sequence[EpochRecord], from_epoch: int) -> None:
        """A trial has told of these epochs in this process; it began after `from_epoch`."""
        first, last = epochs[0], epochs[-1]
        if last is first:  # what comes before the first epoch is in it
            self._learn(family, number, first.wall_clock_s / (first.epoch - from_epoch))
        else:
            self._learn(family, number, (last.wall_clock_s - first.wall_clock_s) / (last.epoch - first.epoch))

    def took(self, family: str, number: int, seconds: float, num_epochs: int) -> None:
        """A trial of an earlier process, or one that was cut in its first epoch, which so takes longer than that."""
        self._learn(family, number, seconds / num_epochs)

    def ended(self, family: str, number: int, seconds: float, num_epochs: int) -> None:
        """A trial that was not cut has had so many epochs in so many seconds: what they did not take came besides."""
        if (epoch_s := self._epochs.get(family, {}).get(number)) is not None:
            self._starts.append(max(0.0, seconds - epoch_s * num_epochs))

    def _learn(self, family: str, number: int, epoch_s: float) -> None:
        seen = self._epochs.setdefault(family, {})
        seen[number] = epoch_s
        if len(seen) > _REMEMBERED:
            del seen[next(iter(seen))]
