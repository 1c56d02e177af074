"""Uses private parts of Ray Tune: to start trials faster, and to get the handle of an actor that hangs.

With RAYTEMPLATE_PLAIN_RAY=1 trials start in processes with an environment of their own, which import Ray Tune, and an
actor that hangs while it starts ends with the sweep.
"""

from contextlib import ExitStack
from typing import Any

import ray

from raytemplate.engines.ray.private.switch import found, is_plain, replace

_CLASSES = "ray.tune.execution.class_cache:_ActorClassCache.get"
_CONTROLLER = "ray.tune.execution.tune_controller"
_STORAGE = "ray.train._internal.storage"


def with_actors_of(stack: ExitStack, kind: type) -> None:
    """Until the stack is closed, trials run in actors of a class that does not import Ray Tune.

    They run in worker processes that Ray has already started. Tune gives each trial an environment, with settings for
    Lightning's forks and for the workers of a cluster. Idle workers do not have it, so new ones would be started. In
    our own Ray, all workers inherit our environment.

    Args:
        kind: created with `config` and `trial_id`, which `reset` gets too; otherwise it has the methods of a
            `tune.Trainable`.
    """
    scheduled = found(f"{_CONTROLLER}:TuneController._schedule_trial_task")
    if scheduled is None:
        return
    (schedule,), actor = scheduled, ray.remote(kind)

    def schedule_task(controller: Any, trial: Any, method_name: str, **more: Any) -> Any:
        if method_name == "reset":
            more |= {"args": (), "kwargs": _of(trial)}
        return schedule(controller, trial, method_name, **more)

    replace(
        stack,
        {
            _CLASSES: lambda cache, trainable: actor,
            f"{_CONTROLLER}:_get_trainable_kwargs": _of,
            f"{_CONTROLLER}:TuneController._schedule_trial_task": schedule_task,
        },
    )


def _of(trial: Any) -> dict[str, Any]:
    trial.init_local_path()
    return {"config": dict(trial.config), "trial_id": trial.trial_id}


def without_extras(stack: ExitStack) -> None:
    """Until the stack is closed, Tune skips three things.

    It does not count its callbacks by kind, for which it would import MLflow. It writes directly to the folder of its
    experiment, instead of to one that it copies there from time to time and at the end. When it has ended, it does not
    read all results back from its files.
    """
    replace(
        stack,
        {
            "ray.air._internal.usage:tag_callbacks": lambda callbacks: False,
            f"{_STORAGE}:StorageContext.experiment_driver_staging_path": property(lambda one: one.experiment_fs_path),
            f"{_STORAGE}:_FilesystemSyncer.sync_up": lambda syncer, local_dir, remote_dir, exclude=None: False,
            "ray.tune.analysis.experiment_analysis:ExperimentAnalysis._fetch_trial_dataframes": lambda analysis: {},
        },
    )


def encoding_as_trials_end(stack: ExitStack) -> None:
    """Until the stack is closed, Tune encodes the state of a trial for its file when the trial has ended.

    It would encode all that have ended in the last ten seconds when it writes the file, and a sweep waits for that at
    its end.
    """
    if (parts := found(f"{_CONTROLLER}:TuneController.on_step_end")) is None:
        return
    (on_step_end,) = parts

    def encode(controller: Any) -> None:
        on_step_end(controller)
        waiting: set[Any] = getattr(controller, "_trials_to_cache", set[Any]())
        for trial in [one for one in waiting if one.is_finished()]:
            controller._trial_metadata[trial.trial_id] = trial.get_json_state()
            waiting.remove(trial)

    replace(stack, {f"{_CONTROLLER}:TuneController.on_step_end": encode})


def actor_of(trial: Any) -> Any:
    """The actor of one of Tune's trials; None if it has none yet, or without private parts."""
    return None if is_plain() else getattr(getattr(trial, "temporary_state", None), "ray_actor", None)
