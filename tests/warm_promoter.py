"""Promoters that start in a moment: each is forked from a process that has already imported what it needs.

Tests that run in this process would wait for nothing else as long. Such a promoter runs exactly the code of
`conducting.promoting`, in its own process, session and environment. How `conducting.promoter` starts one is
tested by every command that runs as a process, and by tests/execution/test_promoter_process.py.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

_MODULE = "raytemplate.conducting.promoting"
_BYTES = 1 << 20


class Warm:
    """The process from which promoters are forked."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-P", __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])

    def fork(self, asked: dict[str, Any], *files: int) -> int:
        """Fork a promoter; returns its process id."""
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(asked).encode()], files)
            return int(self._socket.recv(_BYTES))

    def close(self) -> None:
        """Let the process end, by closing its input."""
        self._socket.close()
        self._process.wait()


class Forked:
    """The part of `subprocess.Popen` that `PromoterProcess` uses."""

    def __init__(self, warm: Warm, command: list[str], stderr: Any, env: dict[str, str]) -> None:
        (asks, self_asks), (self_answers, answers) = os.pipe(), os.pipe()
        arguments = command[command.index(_MODULE) + 1 :]
        asked = {"arguments": arguments, "env": env, "folder": str(Path.cwd())}
        self.pid = warm.fork(asked, asks, answers, stderr.fileno())
        os.close(asks)
        os.close(answers)
        self.stdin, self.stdout = os.fdopen(self_asks, "w"), os.fdopen(self_answers)

    def kill(self) -> None:
        """End it at once."""
        if self._lives():
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, limit_s: float = 60.0) -> None:
        """Wait until it has ended."""
        until = time.monotonic() + limit_s
        while self._lives():
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("promoter", limit_s)
            time.sleep(0.002)

    def _lives(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True


def _serve(asking: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended children do not become zombies
    while True:
        found, files, *_ = socket.recv_fds(asking, _BYTES, 3)
        if not found:
            return
        pid = os.fork()
        if pid == 0:
            asking.close()
            _promote(json.loads(found), files)
        for file in files:
            os.close(file)
        asking.send(str(pid).encode())


def _promote(asked: dict[str, Any], files: list[int]) -> None:
    """Do in the forked process what `python -P -m` would."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(asked["folder"])
    for standard, file in enumerate(files):
        os.dup2(file, standard)
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["env"])
    from raytemplate.conducting import promoting

    try:
        promoting._serve(*asked["arguments"])  # pyright: ignore[reportPrivateUsage]
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(0)


NEEDED = (
    "raytemplate.conducting.promoting",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
)

if __name__ == "__main__":
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    for each in NEEDED:
        import_module(each)
    _serve(socket.socket(fileno=int(sys.argv[1])))
