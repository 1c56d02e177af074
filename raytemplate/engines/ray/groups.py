"""Trials of a sweep with several workers: a Ray Train worker group each, waited for by threads of this process.

Ray Tune is left out on purpose: a trial of it that runs a trainer and is stopped leaves its placement group behind.
Here a trial ends by itself when it is told to, and one that does not is ended by whoever conducts its workers.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from raytemplate.engines.ray.ingest import OpenData
from raytemplate.engines.ray.rank import TrainRequest, run_rank, write_answer
from raytemplate.engines.ray.slots import ended_by
from raytemplate.engines.ray.time_is_up import TimeIsUp
from raytemplate.engines.ray.train import lower_trial, read_ranks, trainer_of
from raytemplate.engines.ray.trouble import translate
from raytemplate.errors import BudgetSpent
from raytemplate.execution.journal import Journal
from raytemplate.execution.trials import Ended, Reported, Trial
from raytemplate.planning.stages import SweepStage

_POLL_S = 0.05
_GRACE_S = 2.0
_ENDING_S = 10.0
"""Ray Train needs so long at most to end the workers of a group."""


class GroupSlots:
    """See `execution.trials.Slots`. A context: on leaving it, no worker of it is left."""

    def __init__(self, stage: SweepStage, data: OpenData, journal: Journal) -> None:
        self.num = stage.slots
        self._journal, self._features = journal, data.ingested.features
        self._refs = {name: data.refs[name] for name in ("train", "validation")}
        self._running: dict[int, _Group] = {}

    def __enter__(self) -> GroupSlots:
        return self

    def __exit__(self, *_: object) -> None:
        for slot in list(self._running):
            self.kill(slot)

    def start(self, slot: int, trial: Trial) -> None:
        """See `Slots`."""
        self._running[slot] = _Group(lower_trial(trial, self._features, self._journal), self._refs, trial.limit_s)

    def wait(self, timeout_s: float) -> tuple[Reported | Ended, ...]:
        """See `Slots`."""
        until = time.monotonic() + timeout_s
        while True:
            events = [event for slot in list(self._running) for event in self._events(slot)]
            if events or time.monotonic() >= until:
                return tuple(events)
            time.sleep(_POLL_S)

    def answer(self, slot: int, go_on: bool) -> None:
        """See `Slots`."""
        self._running[slot].answer(go_on)

    def kill(self, slot: int) -> None:
        """See `Slots`. Waits until Ray Train has ended the workers, or seconds pass."""
        if group := self._running.pop(slot, None):
            group.end()

    def _events(self, slot: int) -> list[Reported | Ended]:
        said = self._running[slot].news()
        if said and isinstance(said[-1], Ended):
            del self._running[slot]
        return [replace(event, slot=slot) for event in said]


class _Group:
    """One worker group and the thread that waits for it."""

    def __init__(self, request: TrainRequest, refs: Mapping[str, Any], limit_s: float) -> None:
        shutil.rmtree(request.storage, ignore_errors=True)  # answers to an earlier process
        request.storage.mkdir(parents=True)
        self._request, self._journal = request, Journal(request.epochs_file.parent)
        self._num_told, self._asked_at = len(self._journal.epochs()), 0
        self._outcome: list[Ended] = []
        self._end = request.storage / "end"
        callback = TimeIsUp(time.monotonic() + limit_s + _GRACE_S, self._end)
        self._thread = threading.Thread(
            target=self._work, args=({"request": request, "refs": dict(refs)}, callback), name="trial", daemon=True
        )
        self._thread.start()

    def news(self) -> list[Reported | Ended]:
        """Epochs since the last time, and the end once it has come."""
        ended = list(self._outcome)  # before the epochs: what was written before the end must be told before it
        epochs = self._journal.epochs()[self._num_told :]
        self._num_told += len(epochs)
        self._asked_at = epochs[-1].epoch if epochs else self._asked_at
        return [*(Reported(slot=0, epoch=epoch) for epoch in epochs), *ended]

    def answer(self, go_on: bool) -> None:
        """Tell rank 0, which waits."""
        write_answer(self._request, self._asked_at, go_on)

    def end(self) -> None:
        """End the workers, whatever they do."""
        self._end.touch()
        self._thread.join(_ENDING_S)

    def _work(self, config: Mapping[str, Any], callback: TimeIsUp) -> None:
        try:
            trainer_of(self._request, run_rank, dict(config), {}, callback).fit()
            stopped, _ = read_ranks(self._request)
            ended = Ended(slot=0, how="trained", stopped=stopped)
        except Exception as error:
            found = translate("sweep", error) or error
            out_of_time = isinstance(found, BudgetSpent)
            ended = Ended(slot=0, how="trained", stopped="budget.time") if out_of_time else ended_by(found)
        shutil.rmtree(self._request.storage, ignore_errors=True)
        self._outcome.append(ended)
