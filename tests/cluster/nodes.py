"""More nodes for a head: separate raylets on this machine, to be drained or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
from command_line import COMMAND, descendants
from head import Head, free_port

_START_LIMIT_S = 120
_ASK = """
import os, ray
ray.init(address=os.environ["RAY_ADDRESS"], logging_level=50, log_to_driver=False)
print(sum(node["Alive"] for node in ray.nodes()))
"""


@dataclass
class Node:
    """A raylet that belongs to a head, and the processes it started."""

    head: Head
    process: subprocess.Popen[bytes]

    def workers(self) -> list[int]:
        """Training processes that run on it."""
        return [pid for pid in descendants(self.process.pid) if "RayTrainWorker" in _command(pid)]

    @property
    def id(self) -> str:
        """Its id in the cluster."""
        raylet = next(pid for pid in descendants(self.process.pid) if "raylet/raylet" in _command(pid))
        return _command(raylet).partition("--node_id=")[2].split()[0]

    def drain(self, deadline_s: int) -> None:
        """Announce that it will be taken away, as a cloud does with a spot machine; kill it after that time."""
        subprocess.run(
            [
                sys.executable,
                "-m",
                "ray.scripts.scripts",
                "drain-node",
                f"--address={self.head.address}",
                f"--node-id={self.id}",
                "--reason=DRAIN_NODE_REASON_PREEMPTION",
                "--reason-message=a test",
                f"--deadline-remaining-seconds={deadline_s}",
            ],
            env=self.head.environment(),
            check=True,
            capture_output=True,
            timeout=60,
        )

    def kill(self) -> None:
        """Kill it and everything it started, without notice."""
        for pid in (self.process.pid, *descendants(self.process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def _command(pid: int) -> str:
    with suppress(psutil.Error):
        return " ".join(psutil.Process(pid).cmdline())
    return ""


@contextmanager
def further_nodes(head: Head, number: int, cpus: int = 1, already: int = 0) -> Iterator[list[Node]]:
    """`number` more nodes of a head, ended afterwards."""
    with (head.folder / "nodes.log").open("ab") as log:
        nodes: list[Node] = []
        try:
            while len(nodes) < number:  # one after the other, because Ray does not wait long on a busy machine
                nodes.append(Node(head, _start(head, cpus, log)))
                _wait(head, 1 + already + len(nodes))
            yield nodes
        finally:
            for node in nodes:
                node.kill()


def _start(head: Head, cpus: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--block", f"--address={head.address}",
        "--node-ip-address=127.0.0.1", f"--num-cpus={cpus}", "--object-store-memory=200000000",
        f"--dashboard-agent-listen-port={free_port()}", "--min-worker-port=0", "--max-worker-port=0",
        "--disable-usage-stats",
    ]  # fmt: skip
    path = f"{Path(COMMAND).parent}:{os.environ['PATH']}"
    return subprocess.Popen(
        command,
        cwd=head.folder / "home",
        env=head.environment(PATH=path, HOME=str(head.folder / "home")),
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _wait(head: Head, number: int) -> None:
    end = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < end:
        asked = subprocess.run(
            [sys.executable, "-c", _ASK],
            env=head.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if asked.stdout.strip() == str(number):
            return
        time.sleep(0.5)
    raise AssertionError((head.folder / "nodes.log").read_text()[-2000:])
