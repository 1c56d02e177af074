"""A sweep that takes no time: an advisor, slots with a clock that jumps, and trials whose course a function defines."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from raytemplate.budget import Clock, Meter
from raytemplate.execution.advisor import Advisor
from raytemplate.execution.trials import OVERDUE, Ended, OnNews, Said, Trial
from raytemplate.records.fitted import EpochRecord

Event = tuple[int, Said]
_WAIT_S, _SHORTEST_WAIT_S = 0.5, 0.01
_NEWS_S = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What happens in a trial."""

    validations: tuple[float, ...]
    """The validation metric of each epoch; the last one repeats."""
    epoch_s: float = 1.0
    """Seconds of an epoch."""
    fails_after: int | None = None
    """Epochs after which it fails; None if it does not."""
    lost: bool = False
    """Whether it fails because its machine is lost."""
    hangs_after: int | None = None
    """Epochs after which it reports nothing more; None if it does not hang."""
    deaf: bool = False
    """Whether it continues when its own time is up."""
    done: int = 0
    """Epochs that an earlier process trained."""
    waits: bool = False
    """Whether its features are still not encoded when its time is up."""


@dataclass
class SimulatedSlots:
    """Slots that each run one trial at a time."""

    num: int
    """Number of slots."""
    course: Callable[[Trial], Course]
    """Defines what happens in each trial."""
    now: float = 0.0
    """The clock, in seconds."""
    closed: set[int] = field(default_factory=set[int])
    """Slots that have no resources."""
    started: list[Trial] = field(default_factory=list[Trial])
    """Trials that were started, in order."""
    taken: list[int] = field(default_factory=list[int])
    """The slot of each trial in `started`."""
    killed: list[int] = field(default_factory=list[int])
    """Numbers of the trials that were killed."""
    held_s: float = 0.0
    """Seconds that trials held slots, in all."""
    _events: list[tuple[float, int, Event]] = field(default_factory=list[tuple[float, int, Event]])
    _running: dict[int, tuple[Trial, float]] = field(default_factory=dict[int, tuple[Trial, float]])
    _waits: dict[int, int] = field(default_factory=dict[int, int])
    _order: count[int] = field(default_factory=count)

    def clock(self) -> float:
        """The simulated time, in seconds."""
        return self.now

    def is_open(self, slot: int) -> bool:
        return slot not in self.closed

    def start(self, slot: int, trial: Trial) -> None:
        assert slot not in self._running, "the slot is taken"
        self.started.append(trial)
        self.taken.append(slot)
        self._running[slot] = (trial, self.now)
        self._next(slot, self.course(trial).done + 1)

    def wait(self, timeout_s: float) -> tuple[Event, ...]:
        if not self._events or self._events[0][0] > self.now + timeout_s:
            self.now += timeout_s
            return ()
        at, _, (slot, said) = heapq.heappop(self._events)
        self.now = max(self.now, at)
        if isinstance(said, Ended):
            self._free(slot)
        elif said.epoch in self._running[slot][0].asks_at:
            self._waits[slot] = said.epoch
        else:
            self._next(slot, said.epoch + 1)
        return ((slot, said),)

    def answer(self, slot: int, go_on: bool) -> None:
        epoch = self._waits.pop(slot)
        if go_on:
            self._next(slot, epoch + 1)
        else:
            self._say(self.now, slot, Ended(how="trained", stopped="epochs"))

    def kill(self, slot: int) -> None:
        self.killed.append(self._running[slot][0].number)
        self._waits.pop(slot, None)
        self._events = [one for one in self._events if one[2][0] != slot]
        heapq.heapify(self._events)
        self._free(slot)

    def _free(self, slot: int) -> None:
        self.held_s += self.now - self._running.pop(slot)[1]

    def _next(self, slot: int, epoch: int) -> None:
        trial, began = self._running[slot]
        course = self.course(trial)
        if course.hangs_after is not None and epoch > course.hangs_after:
            return
        if course.fails_after is not None and epoch > course.fails_after:
            self._say(self.now, slot, Ended(how="failed", problem="made up", lost=course.lost))
            return
        if epoch > trial.stage.num_epochs:
            self._say(self.now, slot, Ended(how="trained", stopped="epochs"))
            return
        at, limit = self.now + course.epoch_s, began + trial.limit_s
        if course.waits:
            self._say(limit, slot, Ended(how="trained", stopped="budget.time", problem="late", waited=True))
            return
        if at > limit and not course.deaf:
            self._say(limit, slot, Ended(how="trained", stopped="budget.time"))
            return
        validation = course.validations[min(epoch, len(course.validations)) - 1]
        record = EpochRecord(
            epoch=epoch,
            train_loss=validation,
            validation=validation,
            num_rows=1,
            loop_s=course.epoch_s,
            wall_clock_s=at - began,
        )
        self._say(at, slot, record)

    def _say(self, at: float, slot: int, said: Said) -> None:
        heapq.heappush(self._events, (at, next(self._order), (slot, said)))


@dataclass(kw_only=True)
class TrialLoop:
    """Runs an advisor's trials in slots until it has no more."""

    slots: SimulatedSlots
    advisor: Advisor
    meter: Meter
    on_news: OnNews
    """Gets the state of the sweep a few times a second."""
    clock: Clock = time.monotonic
    _running: dict[int, Trial] = field(default_factory=dict[int, Trial])
    _told: float = -math.inf

    def run(self) -> None:
        """Run the sweep. No trial is running when this returns or raises.

        Raises:
            TrainingFailed: the advisor gives up.
        """
        try:
            while self._fill():
                self._tell()
                patience_s = max(_SHORTEST_WAIT_S, min(_WAIT_S, self.advisor.patience_s(self.clock())))
                while said := self.slots.wait(patience_s):  # drain all events: a trial that has ended is not overdue
                    for slot, each in said:
                        self._hear(slot, each)
                    patience_s = 0.0
                self._end_overdue()
        finally:
            for slot in self._running:
                self.slots.kill(slot)

    def _fill(self) -> bool:
        """Begin trials in all free slots; whether any trial is running."""
        while (slot := self._free_slot()) is not None:
            trial = self.advisor.next_trial(self.meter.training_remaining_s(), self.clock())
            if not isinstance(trial, Trial):
                break
            self._running[slot] = trial
            limit_s = self.advisor.began(trial.number, self.meter.training_remaining_s(), self.clock())
            self.slots.start(slot, replace(trial, limit_s=limit_s))
        return bool(self._running)

    def _free_slot(self) -> int | None:
        free = [n for n in range(self.slots.num) if n not in self._running]
        found = next((n for n in free if self.slots.is_open(n)), None)
        # If no trial is running, one begins even in a closed slot: it waits for resources.
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
