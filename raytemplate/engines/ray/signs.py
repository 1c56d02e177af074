"""The errors that Ray, libraries and a project's own code raise: what each means, what to change, and whether a retry
may succeed. Workers that ended with such an error are started again.
"""

from collections.abc import Callable
from dataclasses import dataclass

from raytemplate.errors import EngineError, Forbidden, OutOfMemory, OwnCodeFailed, RaytemplateError, Unavailable

_AGAIN = "resume the run; if it happens again, lower training.batch_size or set data.ingest: stream"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sign:
    """One kind of trouble: how to recognise it, and what to tell the user."""

    names: tuple[str, ...]
    """Full names of the exception classes. A class of Ray Train is "ray.train.NAME", whichever module defines it."""
    kind: Callable[[str, str], RaytemplateError]
    """Makes the error to raise, from what happened and what to change."""
    means: str
    """What it means, for the user."""
    change: str
    """What to change; "" if the same again may succeed."""
    text: tuple[str, ...] = ()
    """Texts one of which the message must contain, if the class alone is not enough; empty: any message."""
    lost: bool = False
    """Whether a machine, process or connection was lost: the work did nothing wrong and may continue elsewhere."""


def _out_of_memory(what: str, change: str) -> RaytemplateError:
    return OutOfMemory(what, next_step=change)


def _unavailable(what: str, change: str) -> RaytemplateError:
    return Unavailable(what, next_step=change)


def _engine(what: str, change: str) -> RaytemplateError:
    stage, _, rest = what.partition(": ")
    return EngineError(stage, rest, next_step=change)


def _own_code(what: str, change: str) -> RaytemplateError:
    return OwnCodeFailed(what, next_step=change)


def _forbidden(what: str, change: str) -> RaytemplateError:
    return Forbidden(what, next_step=change)


SIGNS = (
    Sign(
        names=("torch.OutOfMemoryError", "torch.cuda.OutOfMemoryError"), kind=_out_of_memory,
        means="the GPU is out of memory", change="lower training.batch_size, or the size of the model",
    ),
    Sign(
        names=("ray.exceptions.OutOfMemoryError", "builtins.MemoryError", "pyarrow.lib.ArrowMemoryError"),
        kind=_out_of_memory, means="out of memory",
        change="set data.ingest: stream, lower training.batch_size, or ask for more: resources.per_worker.memory",
    ),
    Sign(
        # The raylet kills an actor with these words, and Ray reports it like any other actor that died.
        names=("ray.exceptions.RayActorError",), text=("memory pressure", "running low on memory", "due to OOM"),
        kind=_out_of_memory, means="a worker was ended because its machine ran out of memory",
        change="set data.ingest: stream, lower training.batch_size, or ask for more: resources.per_worker.memory",
    ),
    Sign(
        names=("ray.exceptions.ObjectStoreFullError", "ray.exceptions.OutOfDiskError"), kind=_out_of_memory,
        means="Ray has no room for the data, in its object store or on the disk it spills to",
        change="make space below Ray's temporary folder, or set data.ingest: stream",
    ),
    Sign(
        names=("builtins.Exception",), kind=_unavailable, text=("No space left on device",), means="disk full",
        change="make space, then resume the run",
    ),
    Sign(
        # A worker's log file, which Ray opens before each task.
        names=("builtins.FileNotFoundError",), kind=_unavailable, text=("/logs/worker-",),
        means="Ray's session folder was removed while Ray was in use",
        change="exclude Ray's temporary folder from clean-up jobs, or set RAY_TMPDIR to another, then resume",
    ),
    Sign(
        names=("ray.exceptions.AuthenticationError",), kind=_forbidden, means="Ray does not accept this token",
        change="set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH to the file with the cluster's token",
    ),
    Sign(
        names=("ray.exceptions.RuntimeEnvSetupError",), kind=_unavailable,
        means="Ray could not prepare a worker's environment", change="see ray.log in the run's folder",
    ),
    Sign(
        names=("ray.train.PreemptionError",), kind=_unavailable, lost=True,
        means="a machine of the cluster was taken away", change="",
    ),
    Sign(
        names=("ray.exceptions.RayActorError",), kind=_unavailable, lost=True, text=("node has died", "node is dead"),
        means="a machine of the cluster was lost", change="",
    ),
    Sign(
        names=("ray.exceptions.NodeDiedError", "ray.exceptions.LocalRayletDiedError", "ray.exceptions.ObjectLostError"),
        kind=_unavailable, lost=True, means="a machine of the cluster was lost", change="",
    ),
    Sign(
        names=("ray.exceptions.RayActorError", "ray.exceptions.WorkerCrashedError"), kind=_engine, lost=True,
        means="a worker process ended in the middle of its work", change=_AGAIN,
    ),
    Sign(
        names=("ray.train.WorkerGroupStartupTimeoutError", "ray.train.InsufficientClusterResourcesError",
               "ray.exceptions.TaskUnschedulableError", "ray.exceptions.ActorUnschedulableError"),
        kind=_unavailable, lost=True, means="the cluster has no room for the workers", change="",
    ),
    Sign(
        names=("ray.exceptions.TaskPlacementGroupRemoved", "ray.exceptions.ActorPlacementGroupRemoved",
               "ray.train.WorkerGroupStartupFailedError"),
        kind=_unavailable, lost=True, means="workers could not be started", change="",
    ),
    Sign(
        names=("ray.train.WorkerHealthCheckFailedError", "ray.train.WorkerHealthCheckTimeoutError",
               "ray.train.NCCLHangError"),
        kind=_unavailable, lost=True, means="a worker no longer answers", change="",
    ),
    Sign(
        names=("ray.exceptions.GetTimeoutError", "ray.exceptions.RpcError", "ray.exceptions.RaySystemError",
               "ray.exceptions.PlasmaObjectNotAvailable"),
        kind=_unavailable, lost=True, means="Ray itself failed", change="",
    ),
    Sign(
        names=("ray.train.CollectiveTimeoutError", "torch.distributed.DistError", "builtins.ConnectionError"),
        kind=_unavailable, lost=True, means="a connection between workers was lost", change="",
    ),
    Sign(
        # Raised by the remaining workers when one is gone, and often seen before the loss itself.
        names=("builtins.RuntimeError",), kind=_unavailable, lost=True, means="a connection between workers was lost",
        text=("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer"), change="",
    ),
    Sign(
        names=("xgboost.core.XGBoostError",), kind=_unavailable, lost=True, change="",
        means="a connection between workers was lost", text=("collective", "tracker", "rabit", "socket", "Connection"),
    ),
    Sign(
        names=("lightgbm.basic.LightGBMError",), kind=_unavailable, lost=True, change="",
        means="a connection between workers was lost", text=("Socket", "socket", "Connection", "linkers"),
    ),
    Sign(
        names=("builtins.TypeError", "builtins.AttributeError", "pickle.PicklingError"), kind=_own_code,
        text=("pickle",), means="something cannot be sent to another process",
        change="keep open files, locks and lambdas out of what your code keeps at module level or returns",
    ),
    Sign(
        names=("ray.exceptions.UnserializableException", "ray.exceptions.OufOfBandObjectRefSerializationException"),
        kind=_own_code, means="something cannot be sent to another process",
        change="keep open files, locks and lambdas out of what your code keeps at module level or returns",
    ),
    Sign(
        names=("builtins.ModuleNotFoundError", "builtins.ImportError"), kind=_own_code,
        means="an import failed",
        change="install the package where the workers run, or list your own module in code.modules",
    ),
)  # fmt: skip
"""Searched in this order; the first that fits the error raised, or any error inside it, wins. Causes therefore come
before their consequences: a worker that died before the workers that waited for it."""
