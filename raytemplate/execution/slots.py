"""The slots of trials, and how an advisor's trials are run in them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from raytemplate.budget import Clock, Meter
from raytemplate.execution.trials import OVERDUE, Ended, OnNews, Trial
from raytemplate.records.fitted import EpochRecord

if TYPE_CHECKING:  # Optuna takes a third of a second
    from raytemplate.execution.advisor import Advisor

_WAIT_S, _SHORTEST_WAIT_S = 0.5, 0.01
_NEWS_S = 0.2
Said = EpochRecord | Ended


class Slots(Protocol):
    """Places for trials: each runs one at a time."""

    num: int

    def is_open(self, slot: int) -> bool:
        """Whether there is room for a trial there: after a machine was lost there may be less than before."""
        ...

    def start(self, slot: int, trial: Trial) -> None:
        """Begin a trial in a free slot; returns at once."""
        ...

    def wait(self, timeout_s: float) -> tuple[tuple[int, Said], ...]:
        """What was said meanwhile, each with its slot, in the order it was said; nothing when the time is up.

        A slot whose trial has ended is free.
        """
        ...

    def answer(self, slot: int, go_on: bool) -> None:
        """Tell a trial that waits."""
        ...

    def kill(self, slot: int) -> None:
        """End whatever runs there, at once; the slot is free again."""
        ...


@dataclass(kw_only=True)
class TrialLoop:
    """Runs what an advisor asks for in slots, until it asks for nothing more.

    Args:
        on_news: told a few times a second how the sweep stands.
    """

    slots: Slots
    advisor: Advisor
    meter: Meter
    on_news: OnNews
    clock: Clock = time.monotonic
    _running: dict[int, Trial] = field(default_factory=dict[int, Trial])
    _told: float = -math.inf

    def run(self) -> None:
        """No trial is running when this returns or raises.

        Raises:
            TrainingFailed: the advisor gives up.
        """
        try:
            while self._fill():
                self._tell()
                patience_s = max(_SHORTEST_WAIT_S, min(_WAIT_S, self.advisor.patience_s(self.clock())))
                while said := self.slots.wait(patience_s):  # all there is: one that has ended is not overdue
                    for slot, each in said:
                        self._hear(slot, each)
                    patience_s = 0.0
                self._end_overdue()
        finally:
            for slot in self._running:
                self.slots.kill(slot)

    def _fill(self) -> bool:
        """Begin trials in all slots that are free; whether any runs."""
        while (slot := self._free_slot()) is not None:
            trial = self.advisor.next_trial(self.meter.training_remaining_s(), self.clock())
            if not isinstance(trial, Trial):
                break
            self._running[slot] = trial
            self.slots.start(slot, trial)
        return bool(self._running)

    def _free_slot(self) -> int | None:
        free = [n for n in range(self.slots.num) if n not in self._running]
        found = next((n for n in free if self.slots.is_open(n)), None)
        # While none runs one is begun all the same: it waits for room.
        return free[0] if found is None and free and not self._running else found

    def _tell(self) -> None:
        now = self.clock()
        if now - self._told >= _NEWS_S:
            self._told = now
            self.on_news(self.advisor.standing(self.meter.training_remaining_s(), now))

    def _hear(self, slot: int, said: Said) -> None:
        trial = self._running[slot]
        if isinstance(said, Ended):
            self._ended(slot, said)
        elif said.epoch in trial.asks_at:
            self.slots.answer(slot, self.advisor.heard(trial.number, (said,)) == "continue")
        else:
            self.advisor.heard(trial.number, (said,))

    def _end_overdue(self) -> None:
        overdue = self.advisor.overdue(self.clock())
        for slot in [slot for slot, trial in self._running.items() if trial.number in overdue]:
            self.slots.kill(slot)
            self._ended(slot, OVERDUE)

    def _ended(self, slot: int, how: Ended) -> None:
        number = self._running.pop(slot).number
        self.advisor.ended(number, how, self.meter.training_remaining_s(), self.clock())
