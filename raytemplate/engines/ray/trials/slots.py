"""Trials of a sweep on Ray: a slot is a process or a worker group, warm from the start and used again."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError
from typing_extensions import override

from raytemplate.engines.ray.data.ingest import OpenData
from raytemplate.engines.ray.private.room import has_room
from raytemplate.engines.ray.training.train import held_by, lower, lower_trial
from raytemplate.engines.ray.trials.feature_sets import FeatureSets, half_a_store
from raytemplate.engines.ray.trials.trial_process import Slot, ended_by, new_process
from raytemplate.engines.ray.trouble import translate
from raytemplate.execution.journal import Journal
from raytemplate.execution.slots import Said, Slots
from raytemplate.execution.trials import Ended, Trial
from raytemplate.planning.stages import SweepStage


class RaySlots(Slots):
    """See `execution.slots.Slots`. A context: on leaving it, nothing of it is left."""

    def __init__(self, stage: SweepStage, data: OpenData, journal: Journal) -> None:
        self.num = stage.slots
        self._stage, self._journal, self._features = stage, journal, data.ingested.features
        self._feature_sets = FeatureSets(data, journal.code, at_least=stage.slots + 1, room_bytes=half_a_store())
        self._slots: dict[int, Slot] = {}
        self._left: list[Slot] = []
        self._asked: dict[Any, int] = {}
        self._num_groups = 0
        self._held = held_by(stage.arms[0])

    def __enter__(self) -> RaySlots:
        try:
            for slot in range(self.num):
                self._slots[slot] = self._new(self._stage.arms[0].trainer)
        except BaseException:  # nobody calls `__exit__` then
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for slot in list(self._slots):
            self._leave(slot)
        for there in self._left:
            there.wait()
        self._feature_sets.close()

    def is_open(self, slot: int) -> bool:
        """See `Slots`: what runs its trials is there, or there is room for another one."""
        there = self._slots.get(slot)
        return (there is not None and not there.is_over) or has_room(self._stage.workers, self._held)

    @override
    def start(self, slot: int, trial: Trial) -> None:
        request = lower_trial(trial, self._stage, self._features, self._journal)
        if slot in self._slots and not self._slots[slot].takes(request):
            self._leave(slot)
        if slot not in self._slots:
            self._slots[slot] = self._new(request.trainer)
        self._slots[slot].begin(request, self._feature_sets.rows(slot, trial.values))
        self._ask(slot)

    @override
    def wait(self, timeout_s: float) -> tuple[tuple[int, Said], ...]:
        if not self._asked:
            return ()
        ready, _ = ray.wait(list(self._asked), num_returns=1, timeout=timeout_s)
        heard = [(slot, ref) for ref in ready for slot in (self._asked.pop(ref),)]
        return tuple((slot, each) for slot, ref in heard for each in self._said(slot, ref))

    @override
    def answer(self, slot: int, go_on: bool) -> None:
        self._slots[slot].actor.answer.remote(go_on)

    @override
    def kill(self, slot: int) -> None:
        self._asked = {ref: other for ref, other in self._asked.items() if other != slot}
        self._leave(slot)

    def _said(self, slot: int, ref: Any) -> list[Said]:
        try:
            said: list[Said] = ray.get(ref)
        except RayError as error:
            self._leave(slot)
            ended = ended_by(translate("sweep", error) or error)
            return [replace(ended, problem=f"its process died: {_reason(error)}")]
        if said and isinstance(said[-1], Ended):
            self._feature_sets.done(slot)
        else:
            self._ask(slot)
        return said

    def _ask(self, slot: int) -> None:
        self._asked[self._slots[slot].actor.news.remote()] = slot

    def _leave(self, slot: int) -> None:
        """End what is there. Another one is made when a trial needs one."""
        if there := self._slots.pop(slot, None):
            there.end()
            self._left.append(there)
        self._feature_sets.done(slot)

    def _new(self, trainer: str) -> Slot:
        if self._stage.workers == 1:
            return new_process(self._stage, self._feature_sets.own, self._journal.code)
        from raytemplate.engines.ray.trials.groups import GroupSlot

        self._num_groups += 1
        request = lower(self._stage.arms[0], self._features, self._journal, math.inf, 0.0)
        storage = self._journal.folder / "ray" / f"trials-{self._num_groups}"
        return GroupSlot(replace(request, trainer=trainer, storage=storage))


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
