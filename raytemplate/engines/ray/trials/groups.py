"""Trials of several workers: each slot has a Ray Train worker group, which runs trial after trial.

A trial of Ray Tune does not start a group of its own: that takes 14 to 20 s, and when it is stopped, the group leaves
its placement group behind. Instead a group is leased to one trial after another. A trial stops when told to; if it does
not, Ray Train's controller ends it together with its group.
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
"""Seconds that a sweep waits at its end for Ray Train to end the workers of its groups."""
_USED_AGAIN = ("torch",)
"""Trainers whose groups can run several trials. Not LightGBM: Ray gives its ranks their ports once, and a port that has
just been closed cannot be bound again."""


class Exchange(Talk):
    """The actor between a sweep and a worker group, because workers cannot be called directly."""

    def __init__(self, num_ranks: int) -> None:
        super().__init__()
        self._num_ranks, self._number = num_ranks, 0
        self._trials: dict[int, tuple[TrainRequest, TrialRows]] = {}
        self._taken: Counter[int] = Counter()
        self._more = threading.Condition()

    def train(self, request: TrainRequest, rows: TrialRows) -> None:
        """Hand a trial over to the ranks."""
        with self._more:
            self._number += 1
            self._trials[self._number] = (request, rows)
            self._more.notify_all()

    def trial(self, number: int) -> tuple[TrainRequest, TrialRows] | None:
        """The trial of that number, from 1, given once to each rank; None if there is none yet after some seconds."""
        with self._more:
            if not self._more.wait_for(lambda: number in self._trials, _ASKED_S):
                return None
            self._taken[number] += 1
            if self._taken[number] < self._num_ranks:
                return self._trials[number]
            return self._trials.pop(number)  # from now on only the ranks keep its rows alive


def serve(config: Mapping[str, Any]) -> None:
    """Run one trial after another until the group is ended. Runs on every worker."""
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
    except (RowsLate, RaytemplateError) as error:  # happens on every rank alike, so none waits for another
        return ended_by(error)
    feed = feed_of(request, rows.refs, {}, ranks)
    stopped, _ = run_loop(request, feed, ranks, keep, lambda: ray.get(exchange.goes_on.remote()))
    return Ended(how="trained", stopped=stopped)


class Group:
    """One worker group, and the thread that waits for it.

    Args:
        request: like that of a trial: it sets the number of workers and their resources. `storage` must be a folder
            that only this group uses.
    """

    def __init__(self, request: TrainRequest) -> None:
        self._trainer, self._folder = request.trainer, request.storage
        shutil.rmtree(self._folder, ignore_errors=True)  # may be left from an earlier process
        self._folder.mkdir(parents=True)
        self._end, self._is_over, self._was_used = end_of(request), False, False
        remote: Any = ray.remote
        threads = request.num_workers + _THREADS_BESIDES_RANKS
        self.exchange = remote(max_restarts=0, max_concurrency=threads, num_cpus=0)(Exchange).remote(
            request.num_workers
        )
        config = {"exchange": self.exchange, "trainer": request.trainer}
        # Never restarted: it would wait for trials that others have taken. A new group is made instead.
        once = replace(request, max_failures=0, least_workers=request.num_workers)
        trainer = trainer_of(once, serve, config, {}, TimeIsUp(self._end))
        self._thread = threading.Thread(target=self._conduct, args=(trainer,), name="trials", daemon=True)
        self._thread.start()

    def takes(self, request: TrainRequest) -> bool:
        """Whether this group can run that trial next; if not, another group is needed."""
        fits = request.trainer == self._trainer and (self._trainer in _USED_AGAIN or not self._was_used)
        return fits and not self._is_over

    def lease(self) -> Any:
        """The group's `Exchange`, for one trial."""
        self._was_used = True
        return self.exchange

    def end(self) -> None:
        """End the group and whatever it runs; returns at once."""
        self._end.touch()

    @property
    def has_ended(self) -> bool:
        """Whether its workers are gone."""
        return not self._thread.is_alive()

    def wait(self, timeout_s: float) -> None:
        """Wait until the group has ended and its resources are free, or time runs out."""
        self._thread.join(timeout_s)
        ray.kill(self.exchange)
        if not self._thread.is_alive():  # otherwise the controller may not have seen the file `end` in it yet
            shutil.rmtree(self._folder, ignore_errors=True)

    def _conduct(self, trainer: Any) -> None:
        try:
            trainer.fit()
        except Exception as error:  # reported as the end of the trial, whatever it is
            self._is_over = True  # before reporting: the next trial needs another group
            if not self._end.exists():
                self._say(ended_by(translate("sweep", error) or error))

    def _say(self, said: Said) -> None:
        with suppress(RayError):  # the sweep no longer listens
            ray.get(self.exchange.say.remote(said))


class Groups:
    """The worker groups of a sweep, one for each trial that runs at the same time.

    Args:
        request: like that of a trial; sets the resources of workers.
        folder: each group gets a folder of its own inside.
    """

    def __init__(self, request: TrainRequest, folder: Path) -> None:
        self._request, self._folder = request, folder
        self._free: list[Group] = []
        self._leased: dict[int, Group] = {}
        self._ended: list[Group] = []
        self._num_made = 0

    def lease(self, number: int, request: TrainRequest) -> Any:
        """The `Exchange` of a group for that trial. If no free group can run it, all free groups are ended."""
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
        """Take back the group of a trial that has ended by itself."""
        if group := self._leased.pop(number, None):
            self._free.append(group)

    def end(self, number: int) -> None:
        """End the group of a trial that does not end."""
        if group := self._leased.pop(number, None):
            self._end(group)

    def close(self) -> None:
        """End all groups."""
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
