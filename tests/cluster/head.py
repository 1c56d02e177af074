"""A Ray that runs before any command: a separate head on loopback, with a token and another HOME."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from command_line import COMMAND, descendants, environment

_START_LIMIT_S = 60
_QUICK = {"AUTOSCALER_UPDATE_INTERVAL_S": "1", "RAY_FAKE_CLUSTER": "1"}


def free_port() -> int:
    """A port of loopback on which nothing listens now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@dataclass
class Head:
    """`ray start --head --block` in a folder of its own. `stop` ends it and everything it started.

    `system` has settings of Ray's own, such as when objects are spilled.
    With `grows_by` an autoscaler starts up to that many more nodes with one CPU, on this machine, when needed.
    Ray's folder must have a short name: the paths of its sockets may have at most 107 characters.
    """

    folder: Path
    cpus: int = 2
    grows_by: int = 0
    system: dict[str, float] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    jobs_port: int = field(default_factory=free_port)
    token: str = field(default_factory=lambda: secrets.token_hex(32))

    @property
    def address(self) -> str:
        """The address of its GCS."""
        return f"127.0.0.1:{self.port}"

    @property
    def jobs(self) -> str:
        """The address of its Jobs API."""
        return f"http://127.0.0.1:{self.jobs_port}"

    def start(self) -> Head:
        """Start it and wait until its Jobs API answers."""
        home = self.folder / "home"
        home.mkdir(parents=True)
        command = [
            sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--node-ip-address=127.0.0.1",
            f"--port={self.port}", "--dashboard-host=127.0.0.1", f"--dashboard-port={self.jobs_port}",
            f"--dashboard-agent-listen-port={free_port()}", f"--ray-client-server-port={free_port()}",
            "--min-worker-port=0", "--max-worker-port=0", f"--num-cpus={self.cpus}",
            "--object-store-memory=400000000", f"--temp-dir={self.folder / 'ray'}", "--disable-usage-stats",
            *([f"--system-config={json.dumps(self.system)}"] if self.system else []), *self._autoscaling(),
        ]  # fmt: skip
        path = f"{Path(COMMAND).parent}:{os.environ['PATH']}"
        around = environment(**self.authentication(), HOME=str(home), PATH=path, **_QUICK)
        with (self.folder / "head.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=home, env=around, stdout=log, stderr=log, start_new_session=True
            )
        self._wait()
        return self

    def _autoscaling(self) -> list[str]:
        if not self.grows_by:
            return []
        kinds = {
            "ray.head.default": {"resources": {"CPU": self.cpus}, "node_config": {}, "max_workers": 0},
            "more": {"resources": {"CPU": 1, "object_store_memory": 100_000_000}, "node_config": {}, "min_workers": 0,
                     "max_workers": self.grows_by},
        }  # fmt: skip
        empty = {
            name: []
            for name in (
                "initialization_commands",
                "setup_commands",
                "head_setup_commands",
                "worker_setup_commands",
                "head_start_ray_commands",
                "worker_start_ray_commands",
                "cluster_synced_files",
                "rsync_exclude",
                "rsync_filter",
            )
        }
        config = {
            "cluster_name": "grows", "max_workers": self.grows_by,
            "upscaling_speed": 10.0, "idle_timeout_minutes": 5, "head_node_type": "ray.head.default", "auth": {},
            "docker": {}, "file_mounts": {}, "file_mounts_sync_continuously": False, "available_node_types": kinds,
            "provider": {"type": "fake_multinode", "use_node_id_as_ip": True, "gcs_address": self.address,
                         "disable_node_updaters": True, "disable_launch_config_check": True}, **empty,
        }  # fmt: skip
        path = self.folder / "autoscaling.json"
        path.write_text(json.dumps(config))
        return [f"--autoscaling-config={path}"]

    def _wait(self) -> None:
        end = time.monotonic() + _START_LIMIT_S
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError):
                request = urllib.request.Request(f"{self.jobs}/api/version")
                request.add_header("Authorization", f"Bearer {self.token}")
                urllib.request.urlopen(request, timeout=5).close()
                return
            time.sleep(0.2)
        raise AssertionError((self.folder / "head.log").read_text()[-2000:])

    @property
    def pid(self) -> int:
        """The process of which all others of this head are descendants."""
        return self._process.pid

    def authentication(self) -> dict[str, str]:
        """The environment variables that let a process connect."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}

    def stop(self) -> None:
        """Kill exactly the processes of this head, by their ids; draining first would take 20 s."""
        for pid in (self.pid, *descendants(self.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def raytemplate(self, *arguments: Any, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
        """A command of a user whom this head lets in, with a HOME of their own."""
        return subprocess.run(
            [COMMAND, *map(str, arguments)],
            cwd=cwd,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=180,
        )

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of such a command."""
        return environment(**(self.authentication() | {"RAY_ADDRESS": self.address} | more))


@contextmanager
def running_head(cpus: int = 2, grows_by: int = 0, system: dict[str, float] | None = None) -> Iterator[Head]:
    """A head with a token, ended afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))
    started = Head(folder, cpus=cpus, grows_by=grows_by, system=system or {})
    try:
        yield started.start()
    finally:
        started.stop()
        shutil.rmtree(folder, ignore_errors=True)
