"""Processes that start in a moment: each is forked from one that has imported everything a command or promoter needs.

Imports are half of the time of a small run. Apart from them, a forked command or promoter is a real one: it runs the
code of `raytemplate.cli.main` in its own process, session and environment, with its own descriptors. Commands whose
imports matter, or that have another HOME or another Ray, are started as usual.
"""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_MODULE = "raytemplate.conducting.promoting"
_BYTES = 1 << 20
_START_S = 120.0
_NEEDED = (
    "raytemplate.cli.main", "raytemplate.cli.run_command", "raytemplate.cli.progress", "raytemplate.api",
    "raytemplate.conducting.bind", "raytemplate.engines.ray.engine", "raytemplate.engines.ray.trials.tuner",
    "raytemplate.models.tabular_mlp.loop", "optuna", _MODULE, "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
)  # fmt: skip


@cache
def zygote() -> str:
    """The socket of the process from which others are forked; it is started at first use, and ends with this one."""
    folder = tempfile.mkdtemp(prefix="warm-", dir="/tmp")
    path, (lives, ends) = f"{folder}/asks", os.pipe()
    command = [sys.executable, "-P", __file__, path, str(lives)]
    process = subprocess.Popen(command, pass_fds=[lives], start_new_session=True, cwd="/")
    os.close(lives)
    atexit.register(_end, process, ends, Path(path))
    until = time.monotonic() + _START_S
    while not Path(path).exists():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError("the process that commands are forked from did not start")
        time.sleep(0.05)
    return path


def _end(process: subprocess.Popen[bytes], ends: int, path: Path) -> None:
    os.close(ends)
    process.wait()
    path.unlink(missing_ok=True)
    path.parent.rmdir()


class Forked:
    """The part of `subprocess.Popen` that is used, for a forked process."""

    def __init__(self, socket_path: str, asked: dict[str, Any], *, stderr: int | None = None) -> None:
        """Args: `stderr`, a descriptor; None for a pipe, as stdout has."""
        (asks, self_asks), (self_answers, answers), (self._status, status) = os.pipe(), os.pipe(), os.pipe()
        self_errors, errors = os.pipe() if stderr is None else (-1, stderr)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
            asking.connect(socket_path)
            socket.send_fds(asking, [json.dumps(asked).encode()], [asks, answers, errors, status])
            self.pid = int(asking.recv(_BYTES))
        for theirs in (asks, answers, status, *([errors] if stderr is None else [])):
            os.close(theirs)
        self.args, self.returncode = asked["arguments"], None
        self.stdin, self.stdout = os.fdopen(self_asks, "w"), os.fdopen(self_answers, errors="replace")
        self.stderr = os.fdopen(self_errors, errors="replace") if stderr is None else None

    def poll(self) -> int | None:
        """The exit code, once it has ended."""
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait until it has ended; returns the rest of its output."""
        assert self.stderr is not None
        self.stdin.close()
        until = None if timeout is None else time.monotonic() + timeout
        said: dict[Any, list[bytes]] = {self.stdout: [], self.stderr: []}
        with selectors.DefaultSelector() as waits:
            for stream in said:
                waits.register(stream, selectors.EVENT_READ)
            while waits.get_map():
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
                for key, _ in waits.select(left):
                    if not (found := os.read(key.fd, _BYTES)):
                        waits.unregister(key.fileobj)
                    said[key.fileobj].append(found)
        self.wait(None if until is None else max(0.0, until - time.monotonic()))
        out, err = (io.TextIOWrapper(io.BytesIO(b"".join(each)), errors="replace").read() for each in said.values())
        return out, err

    def send_signal(self, number: int) -> None:
        """Send it a signal; does nothing if it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, limit_s: float | None) -> int | None:
        if self.returncode is None:
            with selectors.DefaultSelector() as waits:
                waits.register(self._status, selectors.EVENT_READ)
                if waits.select(limit_s):
                    self.returncode = int(os.read(self._status, 32) or b"-9")
                    os.close(self._status)
        return self.returncode


def command(arguments: list[str], *, cwd: Path, env: dict[str, str]) -> Forked:
    """Start `raytemplate ARGUMENTS`."""
    return Forked(zygote(), {"what": "command", "arguments": arguments, "env": env, "folder": str(cwd)})


def promoter(socket_path: Callable[[], str]) -> Any:
    """The module `subprocess` as `conducting.promoter` uses it."""

    def start(command: list[str], *, stderr: Any, env: dict[str, str], **_: Any) -> Forked:
        arguments = command[command.index(_MODULE) + 1 :]
        asked = {"what": "promoter", "arguments": arguments, "env": env, "folder": str(Path.cwd())}
        return Forked(socket_path(), asked, stderr=stderr.fileno())

    return SimpleNamespace(**vars(subprocess) | {"Popen": start})


def _serve(path: str, lives: int) -> None:
    """Fork processes on request, and report how each has ended, until the process that started this one has ended."""
    running: dict[int, int] = {}
    wakes, wake = os.pipe()
    for end in (wakes, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(f"{path}.new")
    listening.listen(64)
    os.rename(f"{path}.new", path)
    with selectors.DefaultSelector() as waits:
        for each in (listening, wakes, lives):
            waits.register(each, selectors.EVENT_READ)
        while True:
            for key, _ in waits.select():
                if key.fileobj is listening:
                    _fork(listening, path, running)
                elif key.fileobj == lives:
                    return
                else:
                    os.read(wakes, 4096)
            _reap(running)


def _fork(listening: socket.socket, path: str, running: dict[int, int]) -> None:
    asking, _ = listening.accept()
    with asking:
        found, files, *_ = socket.recv_fds(asking, _BYTES, 4)
        pid = os.fork()
        if pid == 0:
            _become(json.loads(found), files[:3], path)
        *theirs, running[pid] = files
        for file in theirs:
            os.close(file)
        asking.send(str(pid).encode())


def _reap(running: dict[int, int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        file = running.pop(pid)
        with suppress(BrokenPipeError):  # the process that requested it has ended already
            os.write(file, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(file)


def _become(asked: dict[str, Any], files: list[int], path: str) -> None:
    """Run as the requested process; never returns."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        os.chdir(asked["folder"])
        for standard, file in enumerate(files):
            os.dup2(file, standard)
        os.closerange(3, 1024)
        sys.stdin, sys.stdout = sys.__stdin__, sys.__stdout__ = open(0), open(1, "w")  # noqa: SIM115
        sys.stderr = sys.__stderr__ = open(2, "w", buffering=1, errors="backslashreplace")  # noqa: SIM115
        os.environ.clear()
        os.environ.update(asked["env"])
        random.seed()
        {"command": _command, "promoter": _promote}[asked["what"]](asked["arguments"], path)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def _command(arguments: list[str], path: str) -> None:
    """Run the console script's code, with a promoter that is forked too."""
    from raytemplate.cli import main
    from raytemplate.conducting import promoter as starts

    sys.argv = ["raytemplate", *arguments]
    main.STARTED = time.monotonic()
    starts.subprocess = promoter(lambda: path)  # pyright: ignore[reportAttributeAccessIssue]
    main.main(arguments)


def _promote(arguments: list[str], _: str) -> None:
    """Run the promoter's code, as `python -P -m` would."""
    from raytemplate.conducting import promoting

    promoting._serve(*arguments)  # pyright: ignore[reportPrivateUsage]
    sys.stderr.flush()


if __name__ == "__main__":
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    from raytemplate.engines.ray.clusters import cluster

    os.environ.update(cluster._ENVIRONMENT)  # pyright: ignore[reportPrivateUsage]  read while Ray is imported
    for each in _NEEDED:
        import_module(each)
    gc.freeze()
    _serve(sys.argv[1], int(sys.argv[2]))
    os._exit(0)
