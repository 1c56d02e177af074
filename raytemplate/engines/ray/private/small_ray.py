"""Leaves out parts of Ray that are not needed for one run on one machine (docs/decisions/0007).

There, neither tasks and actors nor Ray Data and Ray Train need them, and together they take a third of the CPU time
between the command and the first row. Everything in this module depends on private parts of the Ray that
`pyproject.toml` pins: if one is missing, Ray starts everything as usual. With RAYTEMPLATE_PLAIN_RAY=1 nothing is
changed.
"""

import subprocess
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from raytemplate.engines.ray.private.switch import found, replace

_NODE = "ray._private.node:Node"
_START = "ray._private.services:start_ray_process"
_STATISTICS = "ray.data._internal.stats:_StatsManager"
_SHARING = "ray.data._internal.cluster_autoscaler"
_STEP = "ray.data._internal.execution.streaming_executor:StreamingExecutor._scheduling_loop_step"
# The raylet insists on its two agents, which serve metrics, logs and runtime environments: it waits until they report
# their ports, and ends when they end. The stand-ins only wait until the raylet closes their stdin, which it does to end
# them and when it ends itself, so they never outlive it. They ignore Ctrl-C, which is meant for the driver.
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
    """Within this context, `ray.init` starts the GCS, the raylet and workers, and nothing else.

    Args:
        runtime_envs: keep the agent that tasks with a runtime environment of their own need.
    """
    if (parts := found(_START)) is None:
        yield
        return
    (start,), instead = parts, _STATISTICS_AGENT | ({} if runtime_envs else _RUNTIME_ENV_AGENT)

    def start_process(command: list[str], process_type: str, *arguments: Any, **settings: Any) -> Any:
        chosen = _with_flags(command, instead) if process_type == "raylet" else command
        return start(chosen, process_type, *arguments, **settings)

    with ExitStack() as stack:
        replace(
            stack,
            {
                f"{_NODE}.start_api_server": _do_nothing,
                f"{_NODE}.start_monitor": _do_nothing,
                f"{_NODE}.start_log_monitor": _do_nothing,
                _START: start_process,
                # Ray would import a web server to find out whether the dashboard could be started.
                "ray._private.utils:get_dashboard_dependency_error": lambda: ImportError("not asked for"),
            },
        )
        yield


def _with_flags(command: list[str], flags: Mapping[str, str | int]) -> list[str]:
    """The raylet's command line with other values for its flags; unchanged if it has no such flags."""
    if not any(part.startswith("--dashboard_agent_command=") for part in command):
        return command
    return [p for p in command if p.partition("=")[0] not in flags] + [f"{f}={value}" for f, value in flags.items()]


def without_statistics(stack: ExitStack) -> None:
    """Until the stack is closed, Ray Data in this process does not report its statistics.

    They would go to an actor for the dashboard, whose start would delay the first dataset.
    """
    replace(
        stack,
        {
            f"{_STATISTICS}.register_dataset_to_stats_actor": staticmethod(_do_nothing),
            f"{_STATISTICS}.update_execution_metrics": staticmethod(_do_nothing),
            f"{_STATISTICS}.update_iteration_metrics": staticmethod(_do_nothing),
            f"{_STATISTICS}.gen_dataset_id_from_stats_actor": staticmethod(lambda: uuid.uuid4().hex),
        },
    )


def import_sharing() -> None:
    """Import what `without_sharing` changes.

    Ray Train imports it too, and if two threads import it at once, one may fail with Python's `_DeadlockError`.
    """
    found(_SHARING)


def without_sharing(stack: ExitStack) -> None:
    """Until the stack is closed, Ray Data in this process uses all resources without asking for them.

    It would wait for an actor that divides a cluster among its users, although there are no others. Use this only if no
    workers train while data is read.
    """
    import ray

    if found(_SHARING) is None:
        return
    everything = {"here": ray.cluster_resources()}
    replace(
        stack,
        {
            f"{_SHARING}:DefaultAutoscalingCoordinator.request_resources": _do_nothing,
            f"{_SHARING}:DefaultAutoscalingCoordinator.cancel_request": _do_nothing,
            f"{_SHARING}:DefaultAutoscalingCoordinator.get_reserved_resources": lambda *_: everything,
        },
    )


def without_cleaner(stack: ExitStack) -> None:
    """Until the stack is closed, Ray Train does not start the actor that frees workers if the controller dies.

    Our own Ray ends with the run anyway. The actor asks the API server, which we do not start, and each training would
    wait 12 s for it.
    """
    if parts := found("ray.train.v2._internal.execution.callback:ControllerCallback"):
        replace(stack, {"ray.train.v2.api.data_parallel_trainer:PlacementGroupCleanerCallback": parts[0]})


def calm_scheduling(stack: ExitStack) -> None:
    """Until the stack is closed, Ray Data's scheduling steps in this process take at least `_LEAST_STEP_S` each.

    Once encoded blocks wait to be read, its thread polls without a pause, and holds the interpreter lock that training
    in this process needs: 20 million rows were trained at a fifth of the pace of five million.
    """
    if (parts := found(_STEP)) is None:
        return
    (step,) = parts

    def calmly(self: Any, *arguments: Any) -> Any:
        began = time.monotonic()
        done = step(self, *arguments)
        time.sleep(max(0.0, _LEAST_STEP_S - (time.monotonic() - began)))
        return done

    replace(stack, {_STEP: calmly})


def _do_nothing(*arguments: object, **settings: object) -> None:
    return None
