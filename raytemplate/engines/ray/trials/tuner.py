"""Runs a sweep on Ray Tune: `Tuner.fit` runs the trials, and asks our advisor through Tune's plug-in interfaces."""

import math
import os
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import ray
from ray import tune
from ray.tune.logger import JsonLoggerCallback, TBXLoggerCallback

from raytemplate.budget import Meter
from raytemplate.engines.ray.data.ingest import OpenData
from raytemplate.engines.ray.private.tune import encoding_as_trials_end, with_actors_of, without_extras
from raytemplate.engines.ray.training.train import held_by, lower, lower_trial
from raytemplate.engines.ray.trials.asking import NUMBER, AdvisorCallback, AdvisorScheduler, AdvisorSearcher, Asking
from raytemplate.engines.ray.trials.feature_sets import FeatureSets, half_a_store
from raytemplate.engines.ray.trials.groups import Groups
from raytemplate.engines.ray.trials.trainable import TrialTrainable
from raytemplate.engines.ray.trials.trial_actor import TrialActor
from raytemplate.execution.advisor import Advisor
from raytemplate.execution.journal import Journal
from raytemplate.execution.trials import OnNews, Trial
from raytemplate.planning.stages import SweepStage

_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # a template's paths are relative to where the command runs
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_RESULT_BUFFER_LENGTH": "1000",  # `TrialCalls.train_buffered` is called
}
_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN")
"""Variables that Tune would copy into the environment of its actors, which Ray writes to its logs."""
_LEAVING_S = 5.0
_POLL_S = 0.5


def run_sweep(
    stage: SweepStage,
    data: OpenData,
    journal: Journal,
    advisor: Advisor,
    meter: Meter,
    on_news: OnNews,
    on_begin: Callable[[], None] = lambda: None,
    *,
    ours: bool,
) -> None:
    """See `execution.ports.Engine.sweep`.

    Args:
        on_begin: called whenever a trial begins.
        ours: whether this Ray is the run's own.
    """
    with ExitStack() as stack:
        stack.enter_context(_environment())
        without_extras(stack)
        encoding_as_trials_end(stack)
        if ours:
            with_actors_of(stack, TrialActor)
        starter = _Starter(stage, data, journal, on_begin)
        stack.callback(starter.close)
        asking = Asking(advisor=advisor, meter=meter, on_news=on_news, begin=starter.begin, freed=starter.freed)
        _fit_in_thread(_tuner(stage, journal, asking), asking)


class _Starter:
    """Starts trials in the actors that Tune has for them."""

    def __init__(self, stage: SweepStage, data: OpenData, journal: Journal, on_begin: Callable[[], None]) -> None:
        self._stage, self._journal, self._features = stage, journal, data.ingested.features
        self._on_begin = on_begin
        self._feature_sets = FeatureSets(data, journal.code, at_least=stage.slots + 1, room_bytes=half_a_store())
        self._groups: Groups | None = None
        if stage.workers > 1:
            request = lower(stage.arms[0], self._features, journal, math.inf, 0.0)
            self._groups = Groups(request, journal.folder / "ray")

    def begin(self, trial: Trial, actor: Any) -> ray.ObjectRef[None]:
        """Hand a trial to the actor; returns at once, even if its rows are not encoded yet."""
        request = lower_trial(trial, self._stage, self._features, self._journal)
        exchange = self._groups.lease(trial.number, request) if self._groups else None
        begun = actor.begin.remote(request, self._feature_sets.rows(trial.number, trial.values), exchange)
        self._on_begin()
        return begun

    def freed(self, number: int, *, killed: bool) -> None:
        """Call when a trial has ended: what it ran in was killed with it, or is free for another trial."""
        self._feature_sets.done(number)
        if self._groups and killed:
            self._groups.end(number)
        elif self._groups:
            self._groups.give_back(number)

    def close(self) -> None:
        """End everything that still runs for trials."""
        if self._groups:
            self._groups.close()
        self._feature_sets.close()


def _tuner(stage: SweepStage, journal: Journal, asking: Asking) -> tune.Tuner:
    held = held_by(stage.arms[0]) if stage.workers == 1 else {"memory": 1.0}  # the workers of a group hold the rest
    folder = journal.folder / "tune"
    tensorboard = [TBXLoggerCallback()] if stage.tensorboard else []
    number = 1 + max((int(path.name.partition("-")[2]) for path in folder.glob("start-*")), default=0)
    kind: Any = tune.with_resources(TrialTrainable, tune.PlacementGroupFactory([held]))
    kind.__qualname__ = TrialTrainable.__qualname__  # shown by `ray list actors` and in the process name
    return tune.Tuner(
        kind,
        tune_config=tune.TuneConfig(
            search_alg=AdvisorSearcher(asking),
            scheduler=AdvisorScheduler(asking),
            num_samples=-1,
            max_concurrent_trials=stage.slots,
            reuse_actors=True,
            trial_name_creator=_name_of,
            trial_dirname_creator=_name_of,
        ),
        run_config=tune.RunConfig(
            name=f"start-{number}",
            storage_path=str(folder),
            verbose=0,
            callbacks=[AdvisorCallback(asking), JsonLoggerCallback(), *tensorboard],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )


def _name_of(trial: Any) -> str:
    return f"trial-{trial.config[NUMBER]:05d}"


def _fit_in_thread(tuner: tune.Tuner, asking: Asking) -> None:
    """Run Tune in a thread: Ctrl-C interrupts this thread, which only waits, and Tune can still end its trials."""
    thread = threading.Thread(target=asking.run, args=(tuner.fit,), name="tune", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_POLL_S)
    finally:
        asking.leave()
        thread.join(_LEAVING_S)
    asking.raise_error()


@contextmanager
def _environment() -> Generator[None]:
    """Set the environment variables that configure Tune, and hide those that it must not see."""
    before = {name: os.environ.get(name) for name in (*_ENVIRONMENT, *_SECRETS)}
    os.environ.update(_ENVIRONMENT)
    for name in _SECRETS:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
