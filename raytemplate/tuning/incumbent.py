"""The best of the trials that have ended so far."""

from collections.abc import Sequence

from raytemplate.records.swept import TrialRecord
from raytemplate.tuning.front import Objective, Pick, add_to_front, picked


class Incumbent:
    """Hears of each trial that ended; `best` is the one that would win now, None before any may.

    Args:
        higher_is_better: of the sweep's own metric.
        pick: the rule that names one of several that no other beats; None: the best by the sweep's metric wins.
    """

    def __init__(self, *, higher_is_better: bool, objectives: Sequence[Objective], pick: Pick | None) -> None:
        self.best: TrialRecord | None = None
        self._higher, self._objectives, self._pick = higher_is_better, objectives, pick
        self._front: list[TrialRecord] = []

    def add(self, record: TrialRecord) -> None:
        """One more trial that has ended."""
        if not record.is_promotable:
            return
        if self._pick:
            self._front = add_to_front(self._front, record, self._objectives)
            self.best = picked(self._front, self._objectives, self._pick)
        else:
            self.best = min(self.best or record, record, key=lambda one: one.order(higher_is_better=self._higher))
