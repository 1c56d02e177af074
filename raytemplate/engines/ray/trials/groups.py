"""Trials of several workers: a Ray Train worker group a slot, which runs trial after trial.

Ray Tune has no part in it: a trial of it that runs a trainer and is stopped leaves its placement group behind. Here a
trial ends by itself when it is told to, and whoever conducts the workers ends those that do not.
"""

import shutil
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError

from raytemplate.engines.ray.training.rank import TrainRequest, WorkerRanks, feed_of, run_loop
from raytemplate.engines.ray.training.time_is_up import TimeIsUp
from raytemplate.engines.ray.training.train import end_of, trainer_of
from raytemplate.engines.ray.trials.trial_process import Talk, ended_by
from raytemplate.engines.ray.trials.trial_rows import RowsLate, TrialRows, made_for
from raytemplate.engines.ray.trouble import translate
from raytemplate.errors import RaytemplateError
from raytemplate.execution.journal import Journal
from raytemplate.execution.slots import Said
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


class GroupSlot:
    """See `Slot`. One worker group and the thread that waits for it.

    Args:
        request: as of a trial; it says how many workers of what, and `storage` is a folder of this group alone.
    """

    def __init__(self, request: TrainRequest) -> None:
        self._trainer, self._folder = request.trainer, request.storage
        shutil.rmtree(self._folder, ignore_errors=True)  # of a process before this one
        self._folder.mkdir(parents=True)
        self._end, self.is_over, self._was_used = end_of(request), False, False
        remote: Any = ray.remote
        threads = request.num_workers + _THREADS_BESIDES_RANKS
        self.actor = remote(max_restarts=0, max_concurrency=threads, num_cpus=0)(Exchange).remote(request.num_workers)
        config = {"exchange": self.actor, "trainer": request.trainer}
        # A group that was started again would wait for trials that others have taken: another group is made instead.
        once = replace(request, max_failures=0, least_workers=request.num_workers)
        trainer = trainer_of(once, serve, config, {}, TimeIsUp(self._end))
        self._thread = threading.Thread(target=self._conduct, args=(trainer,), name="trials", daemon=True)
        self._thread.start()

    def takes(self, request: TrainRequest) -> bool:
        """See `Slot`."""
        fits = request.trainer == self._trainer and (self._trainer in _USED_AGAIN or not self._was_used)
        return fits and not self.is_over

    def begin(self, request: TrainRequest, rows: TrialRows) -> None:
        """See `Slot`."""
        self._was_used = True
        self.actor.train.remote(request, rows)

    def end(self) -> None:
        """See `Slot`."""
        self._end.touch()

    def wait(self) -> None:
        """See `Slot`."""
        self._thread.join(_ENDING_S)
        ray.kill(self.actor)
        if not self._thread.is_alive():  # else whoever ends the workers has not seen yet that they shall end
            shutil.rmtree(self._folder, ignore_errors=True)

    def _conduct(self, trainer: Any) -> None:
        try:
            trainer.fit()
        except Exception as error:  # whatever ended the trial is what is said of it
            self.is_over = True  # before it is said: the next trial needs another group
            if not self._end.exists():
                self._say(ended_by(translate("sweep", error) or error))

    def _say(self, said: Said) -> None:
        with suppress(RayError):  # nobody listens any more
            ray.get(self.actor.say.remote(said))
