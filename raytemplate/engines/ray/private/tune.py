"""Parts of Ray Tune that it does not offer to others: faster starts of trials, and the handle of an actor that hangs.

With RAYTEMPLATE_PLAIN_RAY=1 trials start in processes of their own kind, and an actor that hangs while it starts ends
with its sweep.
"""

from contextlib import ExitStack
from typing import Any

from raytemplate.engines.ray.private.switch import is_plain, replace

_CACHE = "ray.tune.execution.class_cache"
_STORAGE = "ray.train._internal.storage"


def without_own_environment(stack: ExitStack) -> None:
    """Until the stack is left, trials run in the processes that Ray has anyway.

    Tune gives each an environment, for Lightning's forks and what workers of a cluster must be told. Workers that wait
    for work do not have it, so that new ones are started. On a Ray of our own all inherit ours.
    """
    replace(stack, {f"{_CACHE}:DEFAULT_ENV_VARS": {}, f"{_CACHE}:ENV_VARS_TO_PROPAGATE": frozenset[str]()})


def without_extras(stack: ExitStack) -> None:
    """Until the stack is left, Tune does three things less.

    It does not count its callbacks by kind, for which it imports MLflow; it writes to the folder of its experiment
    itself and not to one that it copies there from time to time and at the end; and when it has ended, it does not read
    all results back from its files.
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


def actor_of(trial: Any) -> Any:
    """The actor that Tune has for one of its trials; None where it has none yet or does not say."""
    return None if is_plain() else getattr(getattr(trial, "temporary_state", None), "ray_actor", None)
