"""The best trial so far."""

from collections.abc import Sequence

from raytemplate.records.swept import TrialRecord
from raytemplate.tuning.front import Objective, Pick, add_to_front, picked


class Incumbent:
    """Keeps track of ended trials; `best` is the one that would win now, None until there is one that may win.

    Args:
        higher_is_better: whether greater values of the sweep's own metric are better.
        objectives: what trials are compared by, for `pick`.
        pick: the rule that picks one of the trials that no other beats; None if the best by the sweep's metric wins.
    """

    def __init__(self, *, higher_is_better: bool, objectives: Sequence[Objective], pick: Pick | None) -> None:
        self.best: TrialRecord | None = None
        self._higher, self._objectives, self._pick = higher_is_better, objectives, pick
        self._front: list[TrialRecord] = []

    def add(self, record: TrialRecord) -> None:
        """Adds a trial that has ended."""
        if not record.is_promotable:
            return
        if self._pick:
            self._front = add_to_front(self._front, record, self._objectives)
            self.best = picked(self._front, self._objectives, self._pick)
        else:
            self.best = min(self.best or record, record, key=lambda one: one.order(higher_is_better=self._higher))
