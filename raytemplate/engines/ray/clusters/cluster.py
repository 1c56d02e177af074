"""Starts a Ray of our own alongside work that does not need it yet, and stops it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from raytemplate.engines.ray.clusters import lost
from raytemplate.engines.ray.clusters.leaving import Leaving
from raytemplate.engines.ray.clusters.sessions import hold_mark
from raytemplate.engines.ray.private.small_ray import few_processes
from raytemplate.errors import EngineError, RaytemplateError, Unavailable, in_words
from raytemplate.store.locks import FileLock

# With one node, nothing drains it and nothing needs to watch for that; workers are polled often enough to be quick.
_ENVIRONMENT = {
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "5",  # as `losses.START_TRY_S`, which would import Ray
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_worker_niceness": "0",
    # By default a worker ends after an idle second, and each trial that draws other features waits for a new one.
    "RAY_idle_worker_killing_time_threshold_ms": "60000",
}
_START_LIMIT_S = 120.0
_STOP_LIMIT_S, _HASTE_S = 15.0, 3.0
_READER_LIMIT_S = 15.0
_TURN_POLL_S = 0.2


class LocalRay:
    """A Ray on this machine, started in a thread that lives as long as Ray does.

    The thread must not end earlier: when it does, the kernel kills the processes it started. If this process is already
    connected to a Ray, that one is used and left alone, and `ours` is False.

    Args:
        num_cpus: CPUs that Ray may hand out.
        num_gpus: GPUs that Ray may hand out.
        object_store_bytes: size of the object store.
        runtime_envs: whether tasks with their own runtime environment will run, as Ray Train's workers do.
        turn: lock held while Ray starts. Ray gives up starting after 30 s, so many starts at once take turns.
    """

    def __init__(
        self,
        *,
        num_cpus: float,
        num_gpus: float = 0,
        object_store_bytes: int,
        runtime_envs: bool = False,
        turn: Path | None = None,
    ) -> None:
        self._settings: dict[str, Any] = {
            "num_cpus": num_cpus, "num_gpus": num_gpus, "object_store_memory": object_store_bytes,
        }  # fmt: skip
        self._runtime_envs, self._turn = runtime_envs, turn
        self._ready, self._end = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self.ours = False
        self._reader: Any = None
        self._set: list[str] = []
        self._thread = threading.Thread(target=self._live, name="ray", daemon=True)

    def start(self) -> LocalRay:
        """Begin to start; returns at once."""
        self._thread.start()
        return self

    def wait(self) -> None:
        """Wait until Ray runs.

        Raises:
            EngineError: it did not start.
            RaytemplateError: another failure while starting, such as a lock that another process holds.
        """
        if not self._ready.wait(_START_LIMIT_S):
            raise EngineError(
                "ray", f"did not start within {_START_LIMIT_S:.0f} s", next_step="see ray.log in the run's folder"
            )
        if isinstance(self._error, RaytemplateError):
            raise self._error
        if self._error is not None:
            raise EngineError("ray", f"did not start: {in_words(self._error)}") from self._error

    def wait_quietly(self) -> None:
        """Wait until Ray runs or has failed to start, without raising: `wait` raises when Ray is needed."""
        self._ready.wait(_START_LIMIT_S)

    def wait_for_reader(self) -> None:
        """See `RunningRay`. If a task came earlier, another worker would import the same for it."""
        import ray

        if self._reader is not None:
            ray.wait([self._reader], timeout=_READER_LIMIT_S)

    def __enter__(self) -> LocalRay:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def begin_to_stop(self) -> None:
        """Begin to stop Ray, which takes more than a second; returns at once."""
        lost.out_of_use()
        self._end.set()

    def stop(self, *, in_haste: bool = False) -> None:
        """Stop the Ray that `start` started; one that ran before stays.

        Args:
            in_haste: the user interrupted the run and must not wait long on a busy machine. What is left of Ray ends
                by itself, or with this process.
        """
        lost.out_of_use()
        self._end.set()
        self._thread.join(_HASTE_S if in_haste else _STOP_LIMIT_S)

    def _live(self) -> None:
        leaving = Leaving()
        try:
            self._init()
        except BaseException as error:  # handed to the thread that waits
            lost.out_of_use()
            self._error = error
        self._ready.set()
        self._end.wait()
        if self.ours:
            leaving.leave()
        for name in self._set:
            os.environ.pop(name, None)

    def _init(self) -> None:
        self._set = [name for name in _ENVIRONMENT if name not in os.environ]
        os.environ.update({name: _ENVIRONMENT[name] for name in self._set})
        import ray

        if ray.is_initialized():
            return
        lost.connecting()
        with self._in_turn(), few_processes(runtime_envs=self._runtime_envs):
            context: Any = ray.init(
                address="local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                **self._settings,
            )
        self.ours = True
        lost.in_use(context.address_info, ours=True)
        hold_mark(Path(context.address_info["session_dir"]))
        self._reader = _warm_up()

    @contextmanager
    def _in_turn(self) -> Generator[None]:
        """Hold the lock under which Ray starts; give up waiting for it when told to stop."""
        if self._turn is None:
            yield
            return
        deadline = time.monotonic() + _START_LIMIT_S
        while True:
            try:
                with FileLock(self._turn, _TURN_POLL_S):
                    yield
                return
            except Unavailable:
                if self._end.is_set() or time.monotonic() > deadline:
                    raise


def _warm_up() -> Any:
    """Have a worker import what reading needs while this process imports what training needs. Returns a reference that
    is ready when it has.

    Ray's other initial workers stay free of tasks, so that an actor can take one and needs no new process.
    """
    import ray

    return ray.remote(num_cpus=0)(_import_reader).remote()


def _import_reader() -> None:
    from raytemplate.engines.ray.data import pieces as _  # noqa: F401
