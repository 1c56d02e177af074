"""Trials of a sweep on Ray: one process a slot, used again and again, its libraries imported and the data mapped."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from numpy.typing import NDArray
from ray.exceptions import RayError

from raytemplate import plugins
from raytemplate.code.load import code_in
from raytemplate.engines.ray.context import Ranks
from raytemplate.engines.ray.feeds import MemoryFeed
from raytemplate.engines.ray.ingest import OpenData
from raytemplate.engines.ray.rank import TrainRequest, run_loop
from raytemplate.engines.ray.running import A_SHARE
from raytemplate.engines.ray.train import lower_trial
from raytemplate.errors import Diverged, RaytemplateError
from raytemplate.execution.journal import Journal
from raytemplate.execution.trials import Ended, Reported, Trial
from raytemplate.planning.stages import FitStage, SweepStage
from raytemplate.records.fitted import EpochRecord

_THREADS = 3  # one trains, one is asked for news, one brings answers
_NEWS_S = 2.0
Said = EpochRecord | Ended


class TrialProcess:
    """What runs in a slot."""

    def __init__(self, refs: Mapping[str, Any], code: Path, loops: tuple[str, ...]) -> None:
        self._arrays: dict[str, Mapping[str, NDArray[Any]]] = {name: ray.get(ref) for name, ref in refs.items()}
        self._said: queue.Queue[Said] = queue.Queue()
        self._answers: queue.Queue[bool] = queue.Queue()
        with code_in(code):
            for loop in loops:
                plugins.resolve(loop)

    def train(self, request: TrainRequest) -> None:
        """Run one trial; it is told by `news`."""
        try:
            self._said.put(self._train(request))
        except Exception as error:  # a person's own code may raise anything; the sweep goes on without the trial
            self._said.put(ended_by(error))

    def news(self) -> list[Said]:
        """What was said since, once something was; nothing after a while."""
        try:
            found = [self._said.get(timeout=_NEWS_S)]
        except queue.Empty:
            return []
        while not self._said.empty():
            found.append(self._said.get())
        return found

    def answer(self, go_on: bool) -> None:
        """Tell the trial that waits."""
        self._answers.put(go_on)

    def _train(self, request: TrainRequest) -> Ended:
        journal = Journal(request.epochs_file.parent)

        def keep(record: EpochRecord) -> None:
            journal.add_epoch(record)
            self._said.put(record)

        feed = MemoryFeed(self._arrays, rank=0, num_ranks=1, seed=request.assignment.training.seed)
        stopped, _ = run_loop(request, feed, _SlotRanks(), keep, lambda epoch: self._answers.get())
        return Ended(slot=0, how="trained", stopped=stopped)


class _SlotRanks(Ranks):
    """One process, with the GPU that its slot holds."""

    def device(self) -> str:
        return "cuda" if ray.get_gpu_ids() else "cpu"


class RaySlots:
    """See `execution.trials.Slots`. A context: on leaving it, no process of it is left."""

    def __init__(self, stage: SweepStage, data: OpenData, journal: Journal) -> None:
        self.num = stage.slots
        self._stage, self._journal, self._features = stage, journal, data.ingested.features
        self._refs = {name: data.refs[name] for name in ("train", "validation")}
        self._actors = {slot: self._new() for slot in range(self.num)}
        self._asked: dict[Any, int] = {}

    def __enter__(self) -> RaySlots:
        return self

    def __exit__(self, *_: object) -> None:
        for actor in self._actors.values():
            ray.kill(actor)

    def start(self, slot: int, trial: Trial) -> None:
        """See `Slots`."""
        actor = self._actors[slot]
        actor.train.remote(lower_trial(trial, self._features, self._journal))
        self._ask(slot)

    def wait(self, timeout_s: float) -> tuple[Reported | Ended, ...]:
        """See `Slots`."""
        ready, _ = ray.wait(list(self._asked), num_returns=1, timeout=timeout_s)
        events: list[Reported | Ended] = []
        for ref in ready:
            events += self._events(self._asked.pop(ref), ref)
        return tuple(events)

    def answer(self, slot: int, go_on: bool) -> None:
        """See `Slots`."""
        self._actors[slot].answer.remote(go_on)

    def kill(self, slot: int) -> None:
        """See `Slots`."""
        self._forget(slot)
        ray.kill(self._actors[slot])
        self._actors[slot] = self._new()

    def _events(self, slot: int, ref: Any) -> list[Reported | Ended]:
        try:
            said: list[Said] = ray.get(ref)
        except RayError as error:
            ray.kill(self._actors[slot])
            self._actors[slot] = self._new()
            return [Ended(slot=slot, how="failed", problem=f"its process died: {_reason(error)}")]
        events: list[Reported | Ended] = [
            replace(one, slot=slot) if isinstance(one, Ended) else Reported(slot=slot, epoch=one) for one in said
        ]
        if not (events and isinstance(events[-1], Ended)):
            self._ask(slot)
        return events

    def _ask(self, slot: int) -> None:
        self._asked[self._actors[slot].news.remote()] = slot

    def _forget(self, slot: int) -> None:
        self._asked = {ref: other for ref, other in self._asked.items() if other != slot}

    def _new(self) -> Any:
        arm: FitStage = self._stage.arms[0]
        held: dict[str, Any] = {"num_cpus": arm.cpus_per_worker, "num_gpus": arm.gpus_per_worker}
        if arm.memory_per_worker:
            held["memory"] = arm.memory_per_worker
        if arm.accelerator:
            held["resources"] = {f"accelerator_type:{arm.accelerator}": A_SHARE}
        remote: Any = ray.remote
        kind = remote(max_restarts=0, max_concurrency=_THREADS, **held)(TrialProcess)
        loops = tuple(dict.fromkeys(arm.loop for arm in self._stage.arms))
        # In a mapping: a reference alone would be replaced by its value on the way.
        return kind.remote(self._refs, self._journal.code, loops)


def ended_by(error: BaseException) -> Ended:
    """What a trial says that ended with an error."""
    how = "diverged" if isinstance(error, Diverged) else "failed"
    what = error.what if isinstance(error, RaytemplateError) else f"{type(error).__name__}: {error}"
    return Ended(slot=0, how=how, problem=what)


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
