"""Starts a Ray of our own beside the work that does not need it yet, and ends it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

from raytemplate.errors import EngineError
from raytemplate.store.locks import FileLock

# One node: nobody drains it, so nobody needs to watch for that; workers are asked for news often enough to be quick.
_ENVIRONMENT = {
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_enable_metrics_collection": "0",
}
_START_LIMIT_S = 120.0


# What a Ray that lives for one run on one machine has no use for: the dashboard's server (started even without a
# dashboard), the autoscaler's monitor, the shipping of logs. docs/decisions/0007.
_NOT_NEEDED = ("start_api_server", "start_monitor", "start_log_monitor")


@contextmanager
def _few_processes() -> Generator[None]:
    """While `ray.init` runs in here it starts no process that is not needed; a Ray without these methods starts all."""
    from ray._private.node import Node

    kept = {name: getattr(Node, name) for name in _NOT_NEEDED if hasattr(Node, name)}
    for name in kept:
        setattr(Node, name, _start_nothing)
    try:
        yield
    finally:
        for name, method in kept.items():
            setattr(Node, name, method)


def _start_nothing(node: object, *arguments: object, **settings: object) -> None:
    return None


class LocalRay:
    """A Ray on this machine, started in a thread that lives as long as Ray does.

    The thread must not end earlier: when it does, the kernel kills the processes it started. A Ray that this
    process is connected to already is used and left alone.

    Args:
        num_cpus: CPUs Ray may hand out.
        num_gpus: GPUs Ray may hand out.
        object_store_bytes: size of the object store.
        turn: lock under which Ray starts. Ray gives its own start 30 s and no more, so many at once take turns.
    """

    def __init__(
        self, *, num_cpus: float, num_gpus: float = 0, object_store_bytes: int, turn: Path | None = None
    ) -> None:
        self._settings: dict[str, Any] = {
            "num_cpus": num_cpus, "num_gpus": num_gpus, "object_store_memory": object_store_bytes,
        }  # fmt: skip
        self._turn = turn
        self._ready, self._end = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self._ours = False
        self._thread = threading.Thread(target=self._live, name="ray", daemon=True)

    def start(self) -> LocalRay:
        """Begin to start; returns at once."""
        self._thread.start()
        return self

    def wait(self) -> None:
        """Until Ray is there.

        Raises:
            EngineError: it did not start.
        """
        if not self._ready.wait(_START_LIMIT_S):
            raise EngineError(
                "ray", f"did not start within {_START_LIMIT_S:.0f} s", next_step="see ray.log in the run's folder"
            )
        if self._error is not None:
            raise EngineError("ray", f"did not start: {self._error}") from self._error

    def wait_quietly(self) -> None:
        """Until Ray is there or has failed to start; who needs it will say so."""
        self._ready.wait(_START_LIMIT_S)

    def __enter__(self) -> LocalRay:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def begin_to_stop(self) -> None:
        """Begin to end Ray, which takes more than a second; returns at once."""
        self._end.set()

    def stop(self) -> None:
        """End the Ray that `start` began; one that was there before stays."""
        self._end.set()
        self._thread.join(timeout=15)

    def _live(self) -> None:
        try:
            self._init()
        except BaseException as error:  # handed to the thread that waits
            self._error = error
        self._ready.set()
        self._end.wait()
        if self._ours:
            import ray

            ray.shutdown()

    def _init(self) -> None:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import ray

        if ray.is_initialized():
            return
        with FileLock(self._turn, _START_LIMIT_S) if self._turn else nullcontext(), _few_processes():
            ray.init(
                address="local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                **self._settings,
            )
        self._ours = True
