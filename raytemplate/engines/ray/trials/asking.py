"""Plugs the rules of a sweep into Ray Tune, with a searcher, a scheduler and a callback that only ask the advisor."""

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
from raytemplate.engines.ray.trials.trial_calls import ACTOR, SAID
from raytemplate.execution.advisor import Advisor
from raytemplate.execution.trials import OVERDUE, Ended, OnNews, Trial
from raytemplate.records.fitted import EpochRecord

_NEWS_S = 0.2
NUMBER = "trial"
"""Key of the trial's number in its config, next to the values that it drew."""


class Freed(Protocol):
    """Called when a trial has ended, with whether what it ran in was killed too."""

    def __call__(self, number: int, *, killed: bool) -> None: ...


@dataclass(kw_only=True)
class Asking:
    """State that the plug-ins share: the advisor, and which actor runs which trial. Used only by Tune's thread."""

    advisor: Advisor
    """Decides about trials."""
    meter: Meter
    """Knows the time left for training."""
    on_news: OnNews
    """Called a few times a second with the state of the sweep."""
    begin: Callable[[Trial, Any], ray.ObjectRef[None]]
    """Starts a trial in an actor. The reference becomes ready when the trial has begun, or holds the error if not."""
    freed: Freed
    """Called when a trial has ended."""
    clock: Clock = time.monotonic
    """The clock to use."""
    _waiting: dict[int, Trial] = field(default_factory=dict[int, Trial])
    _actors: dict[int, Any] = field(default_factory=dict[int, Any])
    _starting: dict[Any, int] = field(default_factory=dict[Any, int])
    _late: set[int] = field(default_factory=set[int])
    _told: float = 0.0
    _is_left: bool = False
    _error: BaseException | None = None

    def run(self, fit: Callable[[], Any]) -> None:
        """Run `Tuner.fit`; what it raises is kept for `raise_error`."""
        try:
            fit()
        except BaseException as error:  # raised by the thread that waits
            self._error = self._error or error

    def leave(self) -> None:
        """Abandon the sweep: nobody waits for its trials any more."""
        self._is_left = True

    def raise_error(self) -> None:
        """Raise the error that happened in Tune's thread, if any."""
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
        """Pass an epoch on to the advisor, and tell the trial to stop if it is not worth continuing.

        Otherwise it continues when Tune asks for more results.
        """
        with self._keeping():
            if self.advisor.heard(number, (said,)) == "stop" and number in self._actors:
                self._actors[number].end.remote()

    def started(self, number: int, actor: Any) -> None:
        """Begin a trial, whose actor has started."""
        trial = self._waiting.pop(number, None)
        if trial is None or self._is_left:  # its time was up before it started
            self._late.discard(number)
            ray.kill(actor)
            return
        self._actors[number] = actor
        with self._keeping():
            limit_s = self.advisor.began(number, self.meter.training_remaining_s(), self.clock())
            self._starting[self.begin(replace(trial, limit_s=limit_s), actor)] = number

    def ended(self, number: int, how: Ended, *, killed: bool = False) -> None:
        """Record that a trial has ended, unless that is known already."""
        if number not in self._waiting and number not in self._actors:
            return
        self._waiting.pop(number, None)
        self._actors.pop(number, None)
        with self._keeping():
            self.freed(number, killed=killed or how.how != "trained")
            self.advisor.ended(number, how, self.meter.training_remaining_s(), self.clock())

    def failed(self, number: int, trial: Any) -> None:
        """Record that a trial has failed according to Tune: as a rule, its process died."""
        self.ended(number, died(_error_of(trial)), killed=True)

    def look(self, trials: Iterable[Any]) -> None:
        """End overdue trials, and report the state of the sweep.

        Args:
            trials: Tune's trials.

        Raises:
            BaseException: an earlier error, or the sweep was abandoned. All actors are killed before.
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
            with self._keeping():  # the listener may fail, and the trials must be ended first
                self.on_news(self.advisor.standing(self.meter.training_remaining_s(), now))

    def take_late(self, number: int) -> bool:
        """Whether the trial's time was up before its actor had started. True only once: the caller then ends it."""
        if number not in self._late:
            return False
        self._late.remove(number)
        return True

    @contextmanager
    def _keeping(self) -> Generator[None]:
        """Keep an error for `look` to raise: if raised elsewhere, Tune would turn it into text."""
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
            except RayError as error:  # the trial cannot be unpickled in its actor, or the process died
                if actor := self._actors.get(number):
                    ray.kill(actor)
                self.ended(number, died(error), killed=True)


class _PlugIn:
    """A plug-in that Tune leaves out of the file to which it pickles them, since we never read that file."""

    def __init__(self, asking: Asking) -> None:
        super().__init__()
        self._asking = asking

    def __reduce__(self) -> tuple[Any, ...]:
        return object, ()


class AdvisorSearcher(_PlugIn, Searcher):
    """Draws the values of trials, and decides when one may start."""

    @override
    def suggest(self, trial_id: str) -> Any:
        return self._asking.suggest()

    @override
    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Does nothing: the callback handles the end of trials."""

    @override
    def save(self, checkpoint_path: str) -> None:
        """Does nothing: a sweep is resumed from the run's journal."""

    @override
    def restore(self, checkpoint_path: str) -> None:
        """See `save`."""


class AdvisorScheduler(_PlugIn, FIFOScheduler):
    """Passes epochs on. A pruned trial ends by itself, so that its last seconds do not count as the next trial's."""

    @override
    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        if isinstance(said := result.get(SAID), EpochRecord):
            self._asking.heard(trial.config[NUMBER], said)
        return TrialScheduler.CONTINUE

    @override
    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """End late trials; returns None, so that Tune uses all its actors instead of running all trials in one."""
        for trial in tune_controller.get_live_trials().copy():
            if self._asking.take_late(trial.config[NUMBER]):
                actor = actor_of(trial)
                if actor is not None:
                    ray.kill(actor)
                else:
                    tune_controller.stop_trial(trial)


class AdvisorCallback(_PlugIn, Callback):
    """Handles starts and ends of trials, and watches the time: Tune calls it at least ten times a second."""

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
        """Has an effect only if Tune itself has ended the trial."""
        self._asking.ended(trial.config[NUMBER], Ended(how="failed", problem="Ray Tune ended it"), killed=True)


def _error_of(trial: Any) -> BaseException:
    """The error that ended a trial, which Tune keeps in a file on this machine."""
    try:
        with open(trial.pickled_error_file, "rb") as file:
            return cloudpickle.load(file)
    except Exception:  # the file is missing or incomplete, or names a class that this process does not have
        return RuntimeError("no reason is known")
