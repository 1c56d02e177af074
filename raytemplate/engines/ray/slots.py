"""Trials of a sweep on Ray: one process a slot, used again and again, its libraries imported and the data mapped."""

from __future__ import annotations

import queue
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from numpy.typing import NDArray
from ray.exceptions import RayError

from raytemplate import plugins
from raytemplate.code.load import code_in
from raytemplate.engines.ray.context import Assignment, RankContext, Ranks
from raytemplate.engines.ray.feeds import MemoryFeed
from raytemplate.engines.ray.ingest import OpenData
from raytemplate.engines.ray.running import A_SHARE
from raytemplate.errors import Diverged, TrainingFailed
from raytemplate.execution.journal import Journal
from raytemplate.execution.trials import Ended, Reported, Trial
from raytemplate.models.context import Layout
from raytemplate.models.options import Family, TrainingSpec
from raytemplate.models.saved import layout_of
from raytemplate.planning.stages import FitStage, SweepStage
from raytemplate.records.fitted import EpochRecord

_THREADS = 3  # one trains, one is asked for news, one brings answers
_NEWS_S = 2.0
Said = EpochRecord | Ended


class TrialContext(RankContext):
    """A loop's view of the world in a trial: it waits where the sweep wants to compare."""

    def __init__(self, assignment: Assignment, feed: MemoryFeed, trial: Trial, said: queue.Queue[Said],
                 answers: queue.Queue[bool]) -> None:  # fmt: skip
        super().__init__(assignment, feed, Ranks(), said.put)
        self._asks_at, self._answers = trial.asks_at, answers

    def report(self, **epoch: Any) -> bool:
        """See `LoopContext`."""
        stop = super().report(**epoch)
        if epoch["epoch"] in self._asks_at:
            return not self._answers.get() or stop
        return stop


class TrialProcess:
    """What runs in a slot."""

    def __init__(self, refs: Mapping[str, Any], layout: Layout, code: Path, loops: tuple[str, ...]) -> None:
        self._arrays: dict[str, Mapping[str, NDArray[Any]]] = {name: ray.get(ref) for name, ref in refs.items()}
        self._layout, self._code = layout, code
        self._said: queue.Queue[Said] = queue.Queue()
        self._answers: queue.Queue[bool] = queue.Queue()
        with code_in(code):
            for loop in loops:
                plugins.resolve(loop)

    def train(self, trial: Trial, folder: Path, made: float) -> None:
        """Run one trial; it is told by `news`.

        Args:
            made: `time.time()` when it was asked for: what this process took to start is taken off.
        """
        try:
            # What a trial left that was running when an earlier process was killed is of other values.
            shutil.rmtree(folder, ignore_errors=True)
            with code_in(self._code):
                self._said.put(self._train(trial, folder, made))
        except Diverged as error:
            self._said.put(Ended(slot=0, how="diverged", problem=error.what))
        except TrainingFailed as error:
            self._said.put(Ended(slot=0, how="failed", problem=error.what))
        except BaseException as error:  # a person's own code may raise anything; the sweep goes on without the trial
            self._said.put(Ended(slot=0, how="failed", problem=f"{type(error).__name__}: {error}"))

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

    def _train(self, trial: Trial, folder: Path, made: float) -> Ended:
        stage = trial.stage
        training = TrainingSpec.model_validate(dict(stage.training))
        family: Family = plugins.load(plugins.FAMILIES, stage.family)
        context = TrialContext(
            self._assignment(trial, training, folder, made), self._feed(training), trial, self._said, self._answers
        )
        plugins.resolve(stage.loop)(context, family.options.model_validate(dict(stage.model)), training)
        return Ended(slot=0, how="trained", stopped=context.stopped)

    def _assignment(self, trial: Trial, training: TrainingSpec, folder: Path, made: float) -> Assignment:
        stage = trial.stage
        return Assignment(
            metric=stage.metric, higher_is_better=stage.higher_is_better, num_epochs=stage.num_epochs,
            training=training, checkpoint_every=1, checkpoints=folder, remaining_s=trial.limit_s, made=made,
            earlier=(), layout=self._layout, num_train_rows=len(self._arrays["train"]["target"]),
        )  # fmt: skip

    def _feed(self, training: TrainingSpec) -> MemoryFeed:
        return MemoryFeed(self._arrays, rank=0, num_ranks=1, seed=training.seed)


class RaySlots:
    """See `execution.trials.Slots`. A context: on leaving it, no process of it is left."""

    def __init__(self, stage: SweepStage, data: OpenData, journal: Journal) -> None:
        self.num = stage.slots
        self._stage, self._journal = stage, journal
        self._layout = layout_of(data.ingested.features)
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
        actor.train.remote(trial, self._journal.trial_folder(trial.number), time.time())
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
        return kind.remote(self._refs, self._layout, self._journal.code, loops)


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
