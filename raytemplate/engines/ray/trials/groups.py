"""Trials of several workers: a Ray Train worker group a slot, which runs trial after trial.

No trial of Ray Tune's starts its own: that takes 14 to 20 s, and one that is stopped leaves its placement group behind.
Here a group is leased to one trial after another. A trial stops when it is told to; one that does not is ended with its
group by Ray Train's controller.
"""

import shutil
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from raytemplate.engines.ray.training.rank import TrainRequest, WorkerRanks, feed_of, run_loop
from raytemplate.engines.ray.training.time_is_up import TimeIsUp
from raytemplate.engines.ray.training.train import end_of, trainer_of
from raytemplate.engines.ray.trials.talk import Talk, ended_by
from raytemplate.engines.ray.trials.trial_rows import RowsLate, TrialRows, made_for
from raytemplate.engines.ray.trouble import translate
from raytemplate.errors import RaytemplateError
from raytemplate.execution.journal import Journal
from raytemplate.execution.trials import Ended, Said
from raytemplate.records.fitted import EpochRecord

_THREADS_BESIDES_RANKS = 4
_ASKED_S = 5.0
_ENDING_S = 15.0
"""A sweep that ends waits so long for Ray Train to end the workers of its groups."""
_USED_AGAIN = ("torch",)
"""Trainers whose groups run trial after trial. Ray gives LightGBM's ranks their ports once, and one that was only just
closed cannot be bound again."""


class Exchange(Talk):
    """The actor between a sweep and a worker group, whose workers cannot be called."""

    def __init__(self, num_ranks: int) -> None:
        super().__init__()
        self._num_ranks, self._number = num_ranks, 0
        self._trials: dict[int, tuple[TrainRequest, TrialRows]] = {}
        self._taken: Counter[int] = Counter()
        self._more = threading.Condition()

    def train(self, request: TrainRequest, rows: TrialRows) -> None:
        """Hand a trial to the ranks."""
        with self._more:
            self._number += 1
            self._trials[self._number] = (request, rows)
            self._more.notify_all()

    def trial(self, number: int) -> tuple[TrainRequest, TrialRows] | None:
        """The trial of that number, from 1, once to each rank; None where there is none yet after a while."""
        with self._more:
            if not self._more.wait_for(lambda: number in self._trials, _ASKED_S):
                return None
            self._taken[number] += 1
            if self._taken[number] < self._num_ranks:
                return self._trials[number]
            return self._trials.pop(number)  # what holds its rows is then the ranks


def serve(config: Mapping[str, Any]) -> None:
    """Runs on every worker, until the group is ended: one trial after another."""
    exchange, ranks = config["exchange"], WorkerRanks(config["trainer"])
    number = 1
    while True:
        found: tuple[TrainRequest, TrialRows] | None = ray.get(exchange.trial.remote(number))
        if found is None:
            continue
        number += 1
        request, rows = found
        ended = _run(request, rows, exchange, ranks)
        if ranks.rank == 0:
            ray.get(exchange.say.remote(ended))


def _run(request: TrainRequest, rows: TrialRows, exchange: Any, ranks: WorkerRanks) -> Ended:
    journal = Journal(request.epochs_file.parent)

    def keep(record: EpochRecord) -> None:
        journal.add_epoch(record)
        ray.get(exchange.say.remote(record))

    try:
        request = made_for(rows, request)
    except (RowsLate, RaytemplateError) as error:  # the same on every rank: none waits for another
        return ended_by(error)
    feed = feed_of(request, rows.refs, {}, ranks)
    stopped, _ = run_loop(request, feed, ranks, keep, lambda: ray.get(exchange.goes_on.remote()))
    return Ended(how="trained", stopped=stopped)


class Group:
    """One worker group, and the thread that waits for it.

    Args:
        request: as of a trial; it says how many workers of what, and `storage` is a folder of this group alone.
    """

    def __init__(self, request: TrainRequest) -> None:
        self._trainer, self._folder = request.trainer, request.storage
        shutil.rmtree(self._folder, ignore_errors=True)  # of a process before this one
        self._folder.mkdir(parents=True)
        self._end, self._is_over, self._was_used = end_of(request), False, False
        remote: Any = ray.remote
        threads = request.num_workers + _THREADS_BESIDES_RANKS
        self.exchange = remote(max_restarts=0, max_concurrency=threads, num_cpus=0)(Exchange).remote(
            request.num_workers
        )
        config = {"exchange": self.exchange, "trainer": request.trainer}
        # A group that was started again would wait for trials that others have taken: another group is made instead.
        once = replace(request, max_failures=0, least_workers=request.num_workers)
        trainer = trainer_of(once, serve, config, {}, TimeIsUp(self._end))
        self._thread = threading.Thread(target=self._conduct, args=(trainer,), name="trials", daemon=True)
        self._thread.start()

    def takes(self, request: TrainRequest) -> bool:
        """Whether it can run that next; else another one is needed."""
        fits = request.trainer == self._trainer and (self._trainer in _USED_AGAIN or not self._was_used)
        return fits and not self._is_over

    def lease(self) -> Any:
        """Its `Exchange`, for one trial."""
        self._was_used = True
        return self.exchange

    def end(self) -> None:
        """End whatever runs there; returns at once."""
        self._end.touch()

    @property
    def has_ended(self) -> bool:
        """Whether its workers are gone."""
        return not self._thread.is_alive()

    def wait(self, timeout_s: float) -> None:
        """Until that has ended and what it held is free, or it takes too long."""
        self._thread.join(timeout_s)
        ray.kill(self.exchange)
        if not self._thread.is_alive():  # else whoever ends the workers has not seen yet that they shall end
            shutil.rmtree(self._folder, ignore_errors=True)

    def _conduct(self, trainer: Any) -> None:
        try:
            trainer.fit()
        except Exception as error:  # whatever ended the trial is what is said of it
            self._is_over = True  # before it is said: the next trial needs another group
            if not self._end.exists():
                self._say(ended_by(translate("sweep", error) or error))

    def _say(self, said: Said) -> None:
        with suppress(RayError):  # nobody listens any more
            ray.get(self.exchange.say.remote(said))


class Groups:
    """The worker groups of a sweep: as many as trials of several workers run at once.

    Args:
        request: as of a trial, for what its workers hold.
        folder: each group gets one of its own in there.
    """

    def __init__(self, request: TrainRequest, folder: Path) -> None:
        self._request, self._folder = request, folder
        self._free: list[Group] = []
        self._leased: dict[int, Group] = {}
        self._ended: list[Group] = []
        self._num_made = 0

    def lease(self, number: int, request: TrainRequest) -> Any:
        """The `Exchange` of a group for that trial; what is free and cannot run it is ended."""
        for ended in [one for one in self._ended if one.has_ended]:
            ended.wait(0.0)
            self._ended.remove(ended)
        group = next((one for one in self._free if one.takes(request)), None)
        if group is None:
            for one in self._free:
                self._end(one)
            self._free.clear()
            group = self._new(request.trainer)
        else:
            self._free.remove(group)
        self._leased[number] = group
        return group.lease()

    def give_back(self, number: int) -> None:
        """That trial has ended by itself."""
        if group := self._leased.pop(number, None):
            self._free.append(group)

    def end(self, number: int) -> None:
        """End the group of a trial that does not end."""
        if group := self._leased.pop(number, None):
            self._end(group)

    def close(self) -> None:
        """End all of them."""
        for group in (*self._free, *self._leased.values()):
            self._end(group)
        end = time.monotonic() + _ENDING_S
        for group in self._ended:
            group.wait(max(0.0, end - time.monotonic()))

    def _end(self, group: Group) -> None:
        group.end()
        self._ended.append(group)

    def _new(self, trainer: str) -> Group:
        self._num_made += 1
        return Group(replace(self._request, trainer=trainer, storage=self._folder / f"trials-{self._num_made}"))
