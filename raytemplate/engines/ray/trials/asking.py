"""What plugs the rules of a sweep into Ray Tune: a searcher, a scheduler and a callback that only ask the advisor."""

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import ray
from ray import cloudpickle
from ray.exceptions import RayError
from ray.tune import Callback
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from typing_extensions import override

from raytemplate.budget import Clock, Meter
from raytemplate.engines.ray.private.tune import actor_of
from raytemplate.engines.ray.trials.talk import died
from raytemplate.engines.ray.trials.trainable import ACTOR, SAID
from raytemplate.execution.advisor import Advisor
from raytemplate.execution.trials import OVERDUE, Ended, OnNews, Trial
from raytemplate.records.fitted import EpochRecord

_NEWS_S = 0.2
NUMBER = "trial"
"""Of a trial's config: its number, beside the values that it drew."""


class Freed(Protocol):
    """Told that a trial has ended, and whether what it ran in goes with it."""

    def __call__(self, number: int, *, killed: bool) -> None: ...


@dataclass(kw_only=True)
class Asking:
    """What the plug-ins share: the advisor, and which actor runs which trial. Used by Tune's thread alone.

    Args:
        on_news: told a few times a second how the sweep stands.
        begin: starts a trial in an actor; what it returns is there once that has begun, or tells why it could not.
    """

    advisor: Advisor
    meter: Meter
    on_news: OnNews
    begin: Callable[[Trial, Any], ray.ObjectRef[None]]
    freed: Freed
    clock: Clock = time.monotonic
    _waiting: dict[int, Trial] = field(default_factory=dict[int, Trial])
    _actors: dict[int, Any] = field(default_factory=dict[int, Any])
    _starting: dict[Any, int] = field(default_factory=dict[Any, int])
    _late: set[int] = field(default_factory=set[int])
    _told: float = 0.0
    _is_left: bool = False
    _error: BaseException | None = None

    def run(self, fit: Callable[[], Any]) -> None:
        """`Tuner.fit`; what it raises is kept for `raise_error`."""
        try:
            fit()
        except BaseException as error:  # of another thread: that one raises it
            self._error = self._error or error

    def leave(self) -> None:
        """The sweep is abandoned: nobody waits for its trials."""
        self._is_left = True

    def raise_error(self) -> None:
        """Raise what went wrong in Tune's thread."""
        if self._error is not None:
            raise self._error

    def suggest(self) -> dict[str, Any] | str | None:
        """The values of the next trial, as `Searcher.suggest` returns them."""
        if self._is_left or self._error is not None:
            return Searcher.FINISHED
        trial: Trial | str = "done"
        with self._keeping():
            trial = self.advisor.next_trial(self.meter.training_remaining_s(), self.clock())
        if not isinstance(trial, Trial):
            return None if trial == "wait" else Searcher.FINISHED
        self._waiting[trial.number] = trial
        return {**trial.values, NUMBER: trial.number}

    def heard(self, number: int, said: EpochRecord) -> None:
        """Pass an epoch on, and tell the trial to stop where it is not worth going on.

        It goes on when Tune asks for more results.
        """
        with self._keeping():
            if self.advisor.heard(number, (said,)) == "stop" and number in self._actors:
                self._actors[number].end.remote()

    def started(self, number: int, actor: Any) -> None:
        """The actor of a trial is there."""
        trial = self._waiting.pop(number, None)
        if trial is None or self._is_left:  # its time was up before
            self._late.discard(number)
            ray.kill(actor)
            return
        self._actors[number] = actor
        with self._keeping():
            limit_s = self.advisor.began(number, self.meter.training_remaining_s(), self.clock())
            self._starting[self.begin(replace(trial, limit_s=limit_s), actor)] = number

    def ended(self, number: int, how: Ended, *, killed: bool = False) -> None:
        """A trial has ended; one that is known to have ended is passed over."""
        if number not in self._waiting and number not in self._actors:
            return
        self._waiting.pop(number, None)
        self._actors.pop(number, None)
        with self._keeping():
            self.freed(number, killed=killed or how.how != "trained")
            self.advisor.ended(number, how, self.meter.training_remaining_s(), self.clock())

    def failed(self, number: int, trial: Any) -> None:
        """Tune says that a trial has failed: its process died, as a rule."""
        self.ended(number, died(_error_of(trial)), killed=True)

    def look(self, trials: Iterable[Any]) -> None:
        """End what is overdue, tell how it stands.

        Args:
            trials: Tune's.

        Raises:
            BaseException: what went wrong. Nothing of ours runs then.
        """
        if self._is_left or self._error is not None:
            for actor in (*self._actors.values(), *filter(None, map(actor_of, trials))):
                ray.kill(actor)
            raise self._error or InterruptedError("the sweep was abandoned")
        self._hear_of_starts()
        for number in self.advisor.overdue(self.clock()):
            self._end_overdue(number)
        now = self.clock()
        if now - self._told >= _NEWS_S:
            self._told = now
            with self._keeping():  # whoever listens may have gone: the trials are ended first
                self.on_news(self.advisor.standing(self.meter.training_remaining_s(), now))

    def take_late(self, number: int) -> bool:
        """Whether that trial's time was up before its actor was there. Said once: it is ended then."""
        if number not in self._late:
            return False
        self._late.remove(number)
        return True

    @contextmanager
    def _keeping(self) -> Generator[None]:
        """Keep what goes wrong for `look` to raise: of an error anywhere else Tune makes a text."""
        try:
            yield
        except Exception as error:  # whatever it is, `look` raises it again
            self._error = self._error or error

    def _end_overdue(self, number: int) -> None:
        if actor := self._actors.get(number):
            ray.kill(actor)
        else:
            self._late.add(number)
        self.ended(number, OVERDUE, killed=True)

    def _hear_of_starts(self) -> None:
        starting = list(self._starting)
        ready = ray.wait(starting, num_returns=len(starting), timeout=0)[0] if starting else []
        for one in ready:
            number = self._starting.pop(one)
            try:
                ray.get(one)
            except RayError as error:  # it cannot even be read there, or its process died
                if actor := self._actors.get(number):
                    ray.kill(actor)
                self.ended(number, died(error), killed=True)


class _PlugIn:
    """Tune writes its plug-ins to a file that nothing here reads: they are left out of it."""

    def __init__(self, asking: Asking) -> None:
        super().__init__()
        self._asking = asking

    def __reduce__(self) -> tuple[Any, ...]:
        return object, ()


class AdvisorSearcher(_PlugIn, Searcher):
    """Draws and admits."""

    @override
    def suggest(self, trial_id: str) -> Any:
        return self._asking.suggest()

    @override
    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """The callback tells of it."""

    @override
    def save(self, checkpoint_path: str) -> None:
        """The run's journal is what a sweep is resumed from."""

    @override
    def restore(self, checkpoint_path: str) -> None:
        """See `save`."""


class AdvisorScheduler(_PlugIn, FIFOScheduler):
    """Passes epochs on. A pruned trial ends by itself: its last seconds are then its own and not the next trial's."""

    @override
    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        if isinstance(said := result.get(SAID), EpochRecord):
            self._asking.heard(trial.config[NUMBER], said)
        return TrialScheduler.CONTINUE

    @override
    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """None: Tune then uses all actors that it has; else one would run all trials while the others wait."""
        for trial in tune_controller.get_live_trials().copy():
            if self._asking.take_late(trial.config[NUMBER]):
                actor = actor_of(trial)
                if actor is not None:
                    ray.kill(actor)
                else:
                    tune_controller.stop_trial(trial)


class AdvisorCallback(_PlugIn, Callback):
    """Hears of starts and ends, and keeps the time: Tune's controller calls it ten times a second and more."""

    @override
    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._asking.look(trials)

    @override
    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        number, said, actor = trial.config[NUMBER], result.pop(SAID, None), result.pop(ACTOR, None)
        if actor is not None:
            self._asking.started(number, actor)
        if isinstance(said, Ended):
            self._asking.ended(number, said)

    @override
    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._asking.failed(trial.config[NUMBER], trial)

    @override
    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Passed over unless Tune itself has ended the trial."""
        self._asking.ended(trial.config[NUMBER], Ended(how="failed", problem="Ray Tune ended it"), killed=True)


def _error_of(trial: Any) -> BaseException:
    """What ended a trial. Tune keeps it in a file, on this machine until it copies its files to where they belong."""
    try:
        with open(trial.pickled_error_file, "rb") as file:
            return cloudpickle.load(file)
    except Exception:  # there is no file, it is cut short, or names a class that this process does not have
        return RuntimeError("no reason is known")
