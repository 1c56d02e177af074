"""What a Ray that lives for one run on one machine leaves out, docs/decisions/0007.

Nothing of it is needed by tasks, actors, Ray Data or Ray Train there; together it is a third of the CPU time between
the command and the first row. Everything here leans on private parts of the Ray that `pyproject.toml` pins: where one
is missing, Ray starts what it always starts. With RAYTEMPLATE_PLAIN_RAY=1 nothing here changes anything.
"""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from raytemplate.engines.ray.private.switch import is_plain

_PROCESSES = ("start_api_server", "start_monitor", "start_log_monitor")
# The raylet insists on its two agents, which serve metrics, logs and runtime environments, waits until they tell their
# ports, and ends when they end. These only wait until it closes their stdin, which it does to end them and by ending,
# and so outlive nobody; Ctrl-C is for the driver alone.
_STAND_IN = subprocess.list2cmdline(["sh", "-c", "trap '' INT HUP; exec cat"])
_NOBODY = 1
_LEAST_STEP_S = 0.02
_STATISTICS_AGENT = {
    "--dashboard_agent_command": _STAND_IN,
    "--metrics-agent-port": _NOBODY,
    "--metrics_export_port": _NOBODY,
    "--dashboard_agent_listen_port": _NOBODY,
}
_RUNTIME_ENV_AGENT = {"--runtime_env_agent_command": _STAND_IN, "--runtime_env_agent_port": _NOBODY}


@contextmanager
def few_processes(*, runtime_envs: bool) -> Generator[None]:
    """While `ray.init` runs in here it starts the GCS, the raylet and workers, and nothing else.

    Args:
        runtime_envs: keep the agent without which no task with a runtime environment of its own can start.
    """
    if is_plain():
        yield
        return
    import ray._private.services as services
    import ray._private.utils as utils
    from ray._private.node import Node

    start = services.start_ray_process
    instead = _STATISTICS_AGENT | ({} if runtime_envs else _RUNTIME_ENV_AGENT)

    def start_process(command: list[str], process_type: str, *arguments: Any, **settings: Any) -> Any:
        chosen = _with_flags(command, instead) if process_type == "raylet" else command
        return start(chosen, process_type, *arguments, **settings)

    with ExitStack() as stack:
        for name in _PROCESSES:
            _replace(stack, Node, name, _start_nothing)
        _replace(stack, services, "start_ray_process", start_process)
        # It imports a web server to know whether the dashboard could be started.
        _replace(stack, utils, "get_dashboard_dependency_error", lambda: ImportError("not asked for"))
        yield


def _with_flags(command: list[str], flags: Mapping[str, str | int]) -> list[str]:
    """The raylet's command line with other values for its flags; as it is where these are not its flags."""
    if not any(part.startswith("--dashboard_agent_command=") for part in command):
        return command
    return [p for p in command if p.partition("=")[0] not in flags] + [f"{f}={value}" for f, value in flags.items()]


def without_statistics(stack: ExitStack) -> None:
    """Until the stack is left, Ray Data in this process tells nobody how it goes.

    An actor for its dashboard would hold up the first dataset.
    """
    if is_plain():
        return
    try:
        from ray.data._internal.stats import _StatsManager as manager  # pyright: ignore[reportPrivateUsage]
    except ImportError:
        return
    for name in ("register_dataset_to_stats_actor", "update_execution_metrics", "update_iteration_metrics"):
        _replace(stack, manager, name, staticmethod(_start_nothing))
    _replace(stack, manager, "gen_dataset_id_from_stats_actor", staticmethod(lambda: uuid.uuid4().hex))


def import_sharing() -> None:
    """What `without_sharing` changes. Ray Train imports it too, and of two threads that import it at once one may fail
    with Python's `_DeadlockError`."""
    if is_plain():
        return
    with suppress(ImportError):
        import ray.data._internal.cluster_autoscaler as _  # noqa: F401  # pyright: ignore[reportUnusedImport]


def without_sharing(stack: ExitStack) -> None:
    """Until the stack is left, Ray Data in this process reads with all there is.

    It would wait for an actor that shares a cluster out among those who ask, and here nobody else does. Only where no
    workers train while it reads.
    """
    if is_plain():
        return
    import ray

    try:
        from ray.data._internal.cluster_autoscaler import DefaultAutoscalingCoordinator
    except ImportError:
        return
    everything = {"here": ray.cluster_resources()}
    _replace(stack, DefaultAutoscalingCoordinator, "request_resources", _start_nothing)
    _replace(stack, DefaultAutoscalingCoordinator, "cancel_request", _start_nothing)
    _replace(stack, DefaultAutoscalingCoordinator, "get_reserved_resources", lambda self: everything)  # pyright: ignore[reportUnknownLambdaType]


def without_cleaner(stack: ExitStack) -> None:
    """Until the stack is left, Ray Train starts no actor that outlives its controller to free workers.

    Here all of Ray ends with the run. That actor asks the API server, which is not there, and each training would wait
    12 s for it.
    """
    if is_plain():
        return
    try:
        import ray.train.v2.api.data_parallel_trainer as trainer
        from ray.train.v2._internal.execution.callback import ControllerCallback
    except ImportError:
        return
    _replace(stack, trainer, "PlacementGroupCleanerCallback", ControllerCallback)


def calm_scheduling(stack: ExitStack) -> None:
    """Until the stack is left, Ray Data looks for something to do at most so often in this process.

    Once encoded blocks wait to be read, its thread asks again and again without a pause, and holds the interpreter that
    training in this process needs: 20 million rows were trained at a fifth of the pace of five million.
    """
    if is_plain():
        return
    from ray.data._internal.execution.streaming_executor import StreamingExecutor

    step = getattr(StreamingExecutor, "_scheduling_loop_step", None)
    if step is None:
        return

    def calmly(self: Any, *arguments: Any) -> Any:
        began = time.monotonic()
        found = step(self, *arguments)
        time.sleep(max(0.0, _LEAST_STEP_S - (time.monotonic() - began)))
        return found

    _replace(stack, StreamingExecutor, "_scheduling_loop_step", calmly)


def _start_nothing(*arguments: object, **settings: object) -> None:
    return None


def _replace(stack: ExitStack, owner: object, name: str, value: object) -> None:
    """Another value for an attribute that is there, until the stack is left."""
    if hasattr(owner, name):
        # As it is stored: of a class, `getattr` would give the function inside a static method.
        stack.callback(setattr, owner, name, vars(owner).get(name, getattr(owner, name)))
        setattr(owner, name, value)
