"""Trials of several workers: a Ray Train worker group a slot, which runs trial after trial.

Ray Tune has no part in it: a trial of it that runs a trainer and is stopped leaves its placement group behind. Here a
trial ends by itself when it is told to, and whoever conducts the workers ends those that do not.
"""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import ray
from ray.exceptions import RayError

from raytemplate.engines.ray.rank import TrainRequest, WorkerRanks, feed_of, run_loop
from raytemplate.engines.ray.time_is_up import TimeIsUp
from raytemplate.engines.ray.train import trainer_of
from raytemplate.engines.ray.trial_process import Said, Talk, ended_by
from raytemplate.engines.ray.trouble import translate
from raytemplate.execution.journal import Journal
from raytemplate.execution.trials import Ended
from raytemplate.records.fitted import EpochRecord

_THREADS_BESIDES_RANKS = 4
_ASKED_S = 5.0
_ENDING_S = 15.0
"""A sweep that ends waits so long for Ray Train to end the workers of a group."""
_USED_AGAIN = ("torch",)
"""Trainers whose groups run trial after trial. Ray gives LightGBM's ranks their ports once, and one that was only just
closed cannot be bound again."""


class Exchange(Talk):
    """The actor between a sweep and a worker group, whose workers cannot be called."""

    def __init__(self) -> None:
        super().__init__()
        self._requests: list[TrainRequest] = []
        self._more = threading.Condition()

    def train(self, request: TrainRequest) -> None:
        """Hand a trial to the ranks."""
        with self._more:
            self._requests.append(request)
            self._more.notify_all()

    def request(self, number: int) -> TrainRequest | None:
        """The trial of that number, from 1; None where there is none yet after a while."""
        with self._more:
            self._more.wait_for(lambda: len(self._requests) >= number, _ASKED_S)
            return self._requests[number - 1] if len(self._requests) >= number else None


def serve(config: Mapping[str, Any]) -> None:
    """Runs on every worker, until the group is ended: one trial after another."""
    exchange, refs, ranks = config["exchange"], config["refs"], WorkerRanks(config["trainer"])
    number = 1
    while True:
        request: TrainRequest | None = ray.get(exchange.request.remote(number))
        if request is None:
            continue
        number += 1
        journal = Journal(request.epochs_file.parent)

        def keep(record: EpochRecord, journal: Journal = journal) -> None:
            journal.add_epoch(record)
            ray.get(exchange.say.remote(record))

        feed = feed_of(request, refs, {}, ranks)
        stopped, _ = run_loop(request, feed, ranks, keep, lambda: ray.get(exchange.goes_on.remote()))
        if ranks.rank == 0:
            ray.get(exchange.say.remote(Ended(slot=0, how="trained", stopped=stopped)))


class GroupPlace:
    """See `Place`. One worker group and the thread that waits for it.

    Args:
        request: as of a trial; it says how many workers of what, and `storage` is a folder of this group alone.
    """

    def __init__(self, request: TrainRequest, refs: Mapping[str, Any]) -> None:
        self._trainer, self._folder = request.trainer, request.storage
        shutil.rmtree(self._folder, ignore_errors=True)  # of a process before this one
        self._folder.mkdir(parents=True)
        self._end, self._is_over, self._was_used = self._folder / "end", False, False
        remote: Any = ray.remote
        threads = request.num_workers + _THREADS_BESIDES_RANKS
        self.actor = remote(max_restarts=0, max_concurrency=threads, num_cpus=0)(Exchange).remote()
        config = {"exchange": self.actor, "refs": dict(refs), "trainer": request.trainer}
        trainer = trainer_of(request, serve, config, {}, TimeIsUp(math.inf, self._end))
        self._thread = threading.Thread(target=self._conduct, args=(trainer,), name="trials", daemon=True)
        self._thread.start()

    def takes(self, request: TrainRequest) -> bool:
        """See `Place`."""
        fits = request.trainer == self._trainer and (self._trainer in _USED_AGAIN or not self._was_used)
        return fits and not self._is_over

    def begin(self, request: TrainRequest) -> None:
        """See `Place`."""
        self._was_used = True
        self.actor.train.remote(request)

    def end(self) -> None:
        """See `Place`."""
        self._end.touch()

    def wait(self) -> None:
        """See `Place`."""
        self._thread.join(_ENDING_S)
        ray.kill(self.actor)
        if not self._thread.is_alive():  # else whoever ends the workers has not seen yet that they shall end
            shutil.rmtree(self._folder, ignore_errors=True)

    def _conduct(self, trainer: Any) -> None:
        try:
            trainer.fit()
        except Exception as error:
            self._is_over = True  # before it is said: the next trial needs another group
            if not self._end.exists():
                self._say(ended_by(translate("sweep", error) or error))

    def _say(self, said: Said) -> None:
        with suppress(RayError):  # nobody listens any more
            ray.get(self.actor.say.remote(said))
