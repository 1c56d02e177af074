"""A trial in one process that is used again and again, and what any trial and its sweep say to each other."""

import queue
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import ray

from raytemplate import plugins
from raytemplate.code.load import code_in
from raytemplate.engines.ray.clusters.running import A_SHARE
from raytemplate.engines.ray.training.context import Ranks
from raytemplate.engines.ray.training.rank import TrainRequest, feed_of, held_device, run_loop
from raytemplate.engines.ray.trials.trial_rows import RowsLate, TrialRows, made_for
from raytemplate.errors import Diverged, EngineError, OutOfMemory, RaytemplateError, Unavailable
from raytemplate.execution.journal import Journal
from raytemplate.execution.slots import Said
from raytemplate.execution.trials import Ended
from raytemplate.planning.stages import SweepStage
from raytemplate.records.fitted import EpochRecord

_THREADS = 3  # one trains, one is asked for news, one brings answers
_NEWS_S = 2.0


class Talk:
    """An actor's part that a sweep talks to."""

    def __init__(self) -> None:
        self._said: queue.Queue[Said] = queue.Queue()
        self._answers: queue.Queue[bool] = queue.Queue()

    def say(self, said: Said) -> None:
        """Something for the sweep."""
        self._said.put(said)

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

    def goes_on(self) -> bool:
        """Wait for the answer."""
        return self._answers.get()


class Slot(Protocol):
    """Where one trial at a time runs."""

    @property
    def actor(self) -> Any:
        """A `Talk`."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether it has ended by itself: what it held is free, or gone with its machine."""
        ...

    def takes(self, request: TrainRequest) -> bool:
        """Whether it can run that next; else another one is needed."""
        ...

    def begin(self, request: TrainRequest, rows: TrialRows) -> None:
        """Begin a trial; returns at once, even if its rows are not encoded yet."""
        ...

    def end(self) -> None:
        """End whatever runs there; returns at once."""
        ...

    def wait(self) -> None:
        """Until that has ended and what it held is free, or it takes too long."""
        ...


class TrialProcess(Talk):
    """What runs trials of one process: its libraries imported and the data mapped."""

    def __init__(self, rows: TrialRows, code: Path, loops: tuple[str, ...]) -> None:
        super().__init__()
        self._mapped = [ray.get(ref) for ref in rows.refs.values()]  # what most trials train on stays on this machine
        with code_in(code):
            for loop in loops:
                plugins.resolve(loop)

    def train(self, request: TrainRequest, rows: TrialRows) -> None:
        """Run one trial; it is told by `news`."""
        try:
            self.say(self._train(made_for(rows, request), rows))
        except Exception as error:  # a person's own code may raise anything; the sweep goes on without the trial
            self.say(ended_by(error))

    def _train(self, request: TrainRequest, rows: TrialRows) -> Ended:
        journal = Journal(request.epochs_file.parent)

        def keep(record: EpochRecord) -> None:
            journal.add_epoch(record)
            self.say(record)

        ranks = _SlotRanks()
        stopped, _ = run_loop(request, feed_of(request, rows.refs, {}, ranks), ranks, keep, self.goes_on)
        return Ended(how="trained", stopped=stopped)


class _SlotRanks(Ranks):
    """One process, which computes on the GPU that its slot holds."""

    def device(self) -> str:
        return held_device()


@dataclass(frozen=True, slots=True)
class ProcessSlot:
    """See `Slot`."""

    actor: Any
    is_over = False
    """Ray says so when the actor is asked."""

    def takes(self, request: TrainRequest) -> bool:
        """See `Slot`."""
        return True

    def begin(self, request: TrainRequest, rows: TrialRows) -> None:
        """See `Slot`."""
        self.actor.train.remote(request, rows)

    def end(self) -> None:
        """See `Slot`."""
        ray.kill(self.actor)

    def wait(self) -> None:
        """See `Slot`: there is nothing to wait for."""


def new_process(stage: SweepStage, rows: TrialRows, code: Path) -> ProcessSlot:
    """A process for the trials of a sweep, which holds what one of them is planned to hold.

    Args:
        rows: encoded with the template's own features.
    """
    arm = stage.arms[0]
    held: dict[str, Any] = {"num_cpus": arm.cpus_per_worker, "num_gpus": arm.gpus_per_worker}
    if arm.memory_per_worker:
        held["memory"] = arm.memory_per_worker
    if arm.accelerator:
        held["resources"] = {f"accelerator_type:{arm.accelerator}": A_SHARE}
    remote: Any = ray.remote
    kind = remote(max_restarts=0, max_concurrency=_THREADS, **held)(TrialProcess)
    loops = tuple(dict.fromkeys(each.loop for each in stage.arms))
    return ProcessSlot(kind.remote(rows, code, loops))


def ended_by(error: BaseException) -> Ended:
    """What a trial says that ended with an error."""
    if isinstance(error, RowsLate):
        return Ended(how="trained", stopped="budget.time", problem=str(error), waited=True)
    how = "diverged" if isinstance(error, Diverged) else "failed"
    what = error.what if isinstance(error, RaytemplateError) else f"{type(error).__name__}: {error}"
    return Ended(how=how, problem=what, lost=_is_lost(error))


def _is_lost(error: BaseException) -> bool:
    """Whether its machine or its storage failed. A process that ended alone, or for want of memory, may do so again."""
    return isinstance(error, Unavailable) and not isinstance(error, EngineError | OutOfMemory)
