"""What Ray Tune calls in the actor of a trial, which is reused; our loops run in a thread of it or a worker group."""

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError

from raytemplate.collector import collect_rarely
from raytemplate.engines.ray.training.context import Ranks
from raytemplate.engines.ray.training.rank import TrainRequest, feed_of, held_device, run_loop
from raytemplate.engines.ray.trials.talk import Talk, died, ended_by
from raytemplate.engines.ray.trials.trial_rows import TrialRows, made_for
from raytemplate.execution.journal import Journal
from raytemplate.execution.trials import Ended, Said
from raytemplate.records.fitted import EpochRecord

ACTOR, SAID = "actor", "said"
"""Keys in a result that only the sweep reads; neither ends up in Tune's files."""
_NEWS_S, _PATIENCE_S = 0.1, 2.0
_ENDING_S = 1.0


class TrialCalls:
    """Returns its own handle as its first result, so that `begin` can be called with a trial; then one result an epoch.

    Tune calls one method at a time and waits for the result, so epochs are collected for a tenth of a second. Training
    waits only at its rungs, where it is compared with others: Tune's next call means that it continues.
    """

    if TYPE_CHECKING:

        def train(self) -> dict[str, Any]:
            """The result of `step`, with the fields that Tune wants in every result."""
            ...

    def setup(self, config: dict[str, Any]) -> None:
        """Forget the trial before."""
        collect_rarely()
        self._greeted = self._asks = False
        self._request: TrainRequest | None = None
        self._asks_at: tuple[int, ...] = ()
        self._measured: dict[str, Any] = {}
        self._trained_s = 0.0
        self._thread: threading.Thread | None = None
        self._talk: Talk | GroupTalk = Talk()
        self._news: deque[Said] = deque()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Make ready for another trial; always possible."""
        if self._thread is not None:
            self._thread.join(_ENDING_S)
        self.setup(new_config)
        return True

    def begin(self, request: TrainRequest, rows: TrialRows, exchange: Any) -> None:
        """Begin to train; returns at once.

        Args:
            exchange: handle of the `groups.Exchange` whose worker group trains; None to train in this process.
        """
        self._request, self._asks_at = request, request.assignment.asks_at
        if exchange is not None:
            self._talk = GroupTalk(exchange)
            ray.get(exchange.train.remote(request, rows))
            return
        self._thread = threading.Thread(target=_train, args=(request, rows, self._talk), name="trial", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Tell the trial, which is waiting, to stop."""
        self._asks = False
        self._talk.answer(False)

    def train_buffered(self, buffer_time_s: float, max_buffer_length: int = 0) -> list[dict[str, Any]]:
        """Results since the last call, one an epoch. Tune's own buffering does not know when training waits."""
        if self._greeted:
            self._listen()
        return [self.train() for _ in range(max(1, len(self._news)))]

    def step(self) -> dict[str, Any]:
        """The next result."""
        if not self._greeted:
            self._greeted = True
            return {"training_iteration": 0, "time_this_iter_s": 0.0, ACTOR: ray.get_runtime_context().current_actor}
        assert self._request is not None
        said, metric = self._news.popleft(), self._request.assignment.metric
        if isinstance(said, Ended):
            return {
                "training_iteration": 0,
                **self._measured,
                "ended": said.how,
                "problem": said.problem,
                "done": True,
                "time_this_iter_s": 0.0,
                SAID: said,
            }
        self._measured = {
            "train_loss": said.train_loss,
            metric: said.validation,
            **said.also,
            "training_iteration": said.epoch,
        }
        took_s, self._trained_s = said.wall_clock_s - self._trained_s, said.wall_clock_s
        return {**self._measured, "done": False, "time_this_iter_s": took_s, SAID: said}

    def _listen(self) -> None:
        """Wait for a report, and then a little for more."""
        if self._asks:
            self._asks = False
            self._talk.answer(True)
        began = time.monotonic()
        while not self._is_enough(time.monotonic() - began):
            wait_s = max(0.0, began + _NEWS_S - time.monotonic()) if self._news else _PATIENCE_S
            self._news.extend(self._talk.news(wait_s))

    def _is_enough(self, waited_s: float) -> bool:
        if not self._news:
            return False
        last = self._news[-1]
        self._asks = isinstance(last, EpochRecord) and last.epoch in self._asks_at
        return self._asks or isinstance(last, Ended) or waited_s >= _NEWS_S


class GroupTalk:
    """A `Talk` with a worker group, through its `Exchange`."""

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange

    def news(self, timeout_s: float) -> list[Said]:
        """See `Talk`. If the actor is gone, so are its workers."""
        try:
            return ray.get(self._exchange.news.remote(timeout_s))
        except RayError as error:
            return [died(error)]

    def answer(self, go_on: bool) -> None:
        """See `Talk`."""
        self._exchange.answer.remote(go_on)


class _TrialRanks(Ranks):
    """A single process that computes on the GPU that its trial holds."""

    def device(self) -> str:
        return held_device()


def _train(request: TrainRequest, rows: TrialRows, talk: Talk) -> None:
    try:
        talk.say(_trained(made_for(rows, request), rows, talk))
    except BaseException as error:  # a project's code may raise anything; the sweep continues without the trial
        talk.say(ended_by(error))


def _trained(request: TrainRequest, rows: TrialRows, talk: Talk) -> Ended:
    journal = Journal(request.epochs_file.parent)

    def keep(record: EpochRecord) -> None:
        journal.add_epoch(record)
        talk.say(record)

    ranks = _TrialRanks()
    stopped, _ = run_loop(request, feed_of(request, rows.refs, {}, ranks), ranks, keep, talk.goes_on)
    return Ended(how="trained", stopped=stopped)
