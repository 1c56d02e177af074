"""Every error that Ray may raise is in the table, which tells whether lost workers are restarted, and how a run that
cannot continue ends. An error that is new in a version of Ray fails here until somebody has decided.
"""

from __future__ import annotations

import inspect

import pytest
import ray.exceptions
import ray.train.v2._internal.exceptions as train_inside
import ray.train.v2.api.exceptions as train_errors
import torch.distributed
from ray.train import ControllerError, WorkerGroupError

from raytemplate.engines.ray.trials.talk import ended_by
from raytemplate.engines.ray.trouble import is_lost, reason, translate
from raytemplate.errors import DataError, Diverged, OwnCodeFailed, TrainingFailed, Unavailable

LOST = {
    "RayActorError", "ActorDiedError", "ActorUnavailableError", "WorkerCrashedError", "NodeDiedError",
    "LocalRayletDiedError", "ObjectLostError", "ObjectFetchTimedOutError", "ObjectFreedError", "OwnerDiedError",
    "ObjectReconstructionFailedError", "ReferenceCountingAssertionError", "RpcError", "GetTimeoutError",
    "PlasmaObjectNotAvailable", "RaySystemError", "RayChannelError", "RayChannelTimeoutError",
    "RayCgraphCapacityExceeded", "RayDirectTransportError", "StreamingGeneratorReplayInconsistentError",
    "TaskPlacementGroupRemoved", "ActorPlacementGroupRemoved", "TaskUnschedulableError", "ActorUnschedulableError",
    "WorkerHealthCheckFailedError", "WorkerHealthCheckTimeoutError", "WorkerGroupStartupTimeoutError",
    "WorkerGroupStartupFailedError", "InsufficientClusterResourcesError", "CollectiveTimeoutError",
    "BroadcastCollectiveTimeoutError", "PreemptionError", "NCCLHangError",
}  # fmt: skip
"""Restarted; if that happens too often, or nothing can be started: exit code 8, and a retry may succeed."""
MEMORY = {"OutOfMemoryError", "ObjectStoreFullError", "OutOfDiskError"}
"""Not restarted: exit code 8, to be retried after a change."""
OWN_CODE = {"UnserializableException", "OufOfBandObjectRefSerializationException"}
TOKEN = {"AuthenticationError"}
ENGINE = {
    "RayError", "CrossLanguageError", "TaskCancelledError", "AsyncioActorExit", "PendingCallsLimitExceeded",
    "ObjectRefStreamEndOfStreamError", "ActorAlreadyExistsError", "ActorHandleNotFoundError", "RuntimeEnvSetupError",
    "CheckpointManagerInitializationError", "RayTrainError", "TrainingFailedError",
}  # fmt: skip
"""Not restarted, since it is not known to be a loss: exit code 8."""
AROUND = {"RayTaskError", "UserCodeException", "UserExceptionWithTraceback", "WorkerGroupError", "ControllerError"}
"""Wrappers without a meaning of their own: the error inside counts."""


def raised(kind):
    """An error of that class, without the attributes that only Ray can set."""
    made = type(kind.__name__, (kind,), {"__str__": lambda self: "words", "__module__": kind.__module__})
    error = made.__new__(made)
    error.args = ("words",)
    return error


def kinds():
    modules = (ray.exceptions, train_inside, train_errors)
    found = [k for module in modules for k in vars(module).values() if inspect.isclass(k)]
    return {k.__name__: k for k in found if issubclass(k, ray.exceptions.RayError | train_inside.RayTrainError)}


KINDS = kinds()


def test_every_error_of_ray_has_its_place():
    assert set(KINDS) == LOST | MEMORY | OWN_CODE | TOKEN | ENGINE | AROUND


@pytest.mark.parametrize("name", sorted(set(KINDS) - AROUND))
def test_an_error_of_ray_is_started_again_or_not_and_ends_with_its_code(name):
    error = raised(KINDS[name])
    found = translate("fit", error)
    assert is_lost([error]) is (name in LOST)
    code = 9 if name in OWN_CODE else 7 if name in TOKEN else 8
    retry = "after a change" if name in OWN_CODE | TOKEN | MEMORY else "as it is"
    assert (found.exit_code, found.retry) == (code, retry)
    assert found.what.startswith("fit: ")


LIBRARIES = {
    "torch: a peer is gone": (torch.distributed.DistNetworkError("The client socket has timed out"), True),
    "gloo": (RuntimeError("[../gloo/transport/tcp/pair.cc:534] Connection closed by peer"), True),
    "nccl": (RuntimeError("NCCL error in: ProcessGroupNCCL.cpp:123, remote process exited"), True),
    "a socket": (ConnectionResetError(104, "Connection reset by peer"), True),
    "a broken pipe": (BrokenPipeError(32, "Broken pipe"), True),
    "own code": (ValueError("three is too many"), False),
    "own code, of a shape": (RuntimeError("mat1 and mat2 shapes cannot be multiplied (4x3 and 4x1)"), False),
    "memory": (MemoryError("Unable to allocate 8 GiB"), False),
    "a GPU's memory": (torch.OutOfMemoryError("CUDA out of memory"), False),
    "a full disk": (OSError(28, "No space left on device", "/x"), False),
    "an error of ours": (Diverged("the loss became nan in epoch 1"), False),
    "ours, of the machines": (Unavailable("storage is gone"), False),
    "an import": (ModuleNotFoundError("No module named 'x'"), False),
}  # fmt: skip


@pytest.mark.parametrize(("error", "lost"), LIBRARIES.values(), ids=LIBRARIES)
def test_what_libraries_and_own_code_raise(error, lost):
    assert is_lost([error]) is lost
    assert is_lost([error, raised(KINDS["NodeDiedError"])]) is lost


def group(**failures):
    return WorkerGroupError("words", {int(rank.removeprefix("r")): error for rank, error in failures.items()})


def health(inner):
    return train_inside.WorkerHealthCheckFailedError("A worker health check failed", inner)


GLOO = LIBRARIES["gloo"][0]
GONE = FileNotFoundError(2, "No such file or directory", "/tmp/ray/session_2026-11-29_1/logs/worker-1f-01000000-9.out")


def test_a_session_that_something_removed_is_no_mistake_of_the_person():
    found = translate("ingest", ray.exceptions.RayTaskError("read", str(GONE), GONE))
    assert isinstance(found, Unavailable) and "Ray's session folder was removed" in found.what
    assert "RAY_TMPDIR" in found.next_step


DIED = {
    "its machine": (ray.exceptions.NodeDiedError("gone"), True),
    "its process, by itself": (raised(KINDS["ActorDiedError"]), False),
    "memory": (ray.exceptions.OutOfMemoryError("used up"), False),
}


@pytest.mark.parametrize(("error", "lost"), DIED.values(), ids=DIED)
def test_what_befell_the_machine_of_a_trial_is_told_from_what_the_trial_did(error, lost):
    assert ended_by(translate("sweep", error)).lost is lost


GROUPS = {
    "one died": (group(r0=GLOO, r1=health(raised(KINDS["ActorDiedError"]))), True, Unavailable,
                 "a worker process ended in the middle of its work"),
    "only what follows is seen": (group(r0=GLOO), True, Unavailable, "a connection between workers was lost"),
    "a node": (group(r0=GLOO, r1=health(ray.exceptions.NodeDiedError("gone"))), True, Unavailable,
               "a machine of the cluster was lost"),
    "taken away": (KINDS["PreemptionError"](type("Info", (), {"preempted_ranks": [1]})()), True, Unavailable,
                   "a machine of the cluster was taken away"),
    "an error of ours, and what follows": (group(r0=GLOO, r1=Diverged("the loss became nan")), False, Diverged,
                                           "the loss became nan"),
    "data of ours": (ControllerError(group(r1=DataError("a.parquet: torn"))), False, DataError, "a.parquet: torn"),
    "a bug in the loop": (ControllerError(group(r0=GLOO, r1=ValueError("three is too many"))), False, TrainingFailed,
                          "ValueError: three is too many"),
    "no room": (ControllerError(train_inside.WorkerGroupStartupTimeoutError(4)), True, Unavailable,
                "the cluster has no room for the workers"),
}  # fmt: skip


@pytest.mark.parametrize(("error", "lost", "kind", "says"), GROUPS.values(), ids=GROUPS)
def test_of_several_workers_the_one_that_caused_it_is_named(error, lost, kind, says):
    found = translate("fit", error)
    assert is_lost([error]) is lost
    assert isinstance(found, kind) and not isinstance(found, OwnCodeFailed)
    assert says in found.what and says in reason(error)
