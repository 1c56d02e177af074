"""Nodes of a network made of Linux namespaces: each has its own address, host name, mounts and processes.

They share a bridge with nothing else on it. This machine's own namespaces are not touched, so that everything is
gone once the processes have been killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from command_line import COMMAND, descendants, environment

_START_LIMIT_S = 90
_PORT, _JOBS_PORT = 6379, 8265
_PATH = f"{Path(COMMAND).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
_OF_ITS_OWN = ("--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation=private")


def _do(*command: Any) -> None:
    done = subprocess.run([*map(str, command)], env={"PATH": _PATH}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{command}: {done.stderr}"


@dataclass
class Node:
    """A machine of the network, made of namespaces that live as long as its first process."""

    name: str
    address: str
    folder: Path
    ray: Any = field(default=None, repr=False)
    _keeper: Any = field(default=None, repr=False)
    _started: list[Any] = field(default_factory=list, repr=False)

    def make(self) -> Node:
        """Create its namespaces."""
        self.folder.mkdir(parents=True)
        self._keeper = subprocess.Popen(
            ["unshare", *_OF_ITS_OWN, "sleep", "infinity"],
            env={"PATH": _PATH},
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + _START_LIMIT_S
        while not descendants(self._keeper.pid):
            assert self._keeper.poll() is None and time.monotonic() < end, "no namespaces"
            time.sleep(0.02)
        self.pid = descendants(self._keeper.pid)[0]
        self.do("hostname", self.name)
        self.do("ip", "link", "set", "lo", "up")
        return self

    def inside(self, *command: Any, cwd: Path = Path("/")) -> list[str]:
        """A command line that runs another one on this node, in a folder as this node sees it."""
        there = ["sh", "-c", 'cd "$0" && exec "$@"', str(cwd), *map(str, command)]
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--pid", *there]

    def do(self, *command: Any) -> None:
        """Run a system command on this node."""
        _do(*self.inside(*command))

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a command on this node."""
        return environment(HOME=str(self.folder), PATH=_PATH, **more)

    def start(self, *command: Any, cwd: Path, **more: str) -> subprocess.Popen[str]:
        """Start a command on this node."""
        process = subprocess.Popen(
            self.inside(*command, cwd=cwd),
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def raytemplate(self, *arguments: Any, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command on this node to its end."""
        return subprocess.run(
            self.inside(COMMAND, *arguments, cwd=cwd),
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=240,
        )

    def own_folder(self, path: Path) -> None:
        """Mount an empty folder over one that the other nodes share."""
        self.do("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", path)

    @contextmanager
    def without(self, path: Path) -> Iterator[None]:
        """Within this context, this node sees an empty folder at that path instead of the shared one."""
        self.own_folder(path)
        try:
            yield
        finally:
            self.do("umount", "--lazy", path)

    def knows(self, hosts: dict[str, str]) -> None:
        """Write host names and their addresses to this node's own hosts file."""
        file = self.folder / "hosts"
        known = file.exists()
        file.write_text("127.0.0.1 localhost\n" + "".join(f"{at} {name}\n" for name, at in hosts.items()))
        if not known:
            self.do("mount", "--bind", file, "/etc/hosts")

    def end(self) -> None:
        """Kill its first process; the kernel then kills every other one, and removes all its namespaces."""
        if self._keeper is None:
            return
        for pid in (*descendants(self._keeper.pid)[:1], self._keeper.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._keeper.wait(_START_LIMIT_S)
        for process in self._started:
            process.wait(_START_LIMIT_S)


@dataclass
class Network:
    """Nodes on one bridge, the first of which is the head of a Ray."""

    folder: Path
    nodes: dict[str, Node] = field(default_factory=dict[str, Node])

    def __post_init__(self) -> None:
        self._hub = Node("hub", "", self.folder / "hub")

    def make(self) -> Network:
        """A bridge, in namespaces of its own."""
        self._hub.make()
        self._hub.do("ip", "link", "add", "name", "br0", "type", "bridge")
        self._hub.do("ip", "link", "set", "br0", "up")
        return self

    def add(self, name: str) -> Node:
        """A new node, which all others reach and know by name."""
        number = len(self.nodes) + 1
        node = self.nodes[name] = Node(name, f"10.77.0.{number}", self.folder / name)
        node.make()
        port = f"port{number}"
        # From outside of the process namespace, so that the id is the one of this machine.
        wire = ["nsenter", f"--target={self._hub.pid}", "--net"]
        _do(*wire, "ip", "link", "add", "name", port, "type", "veth", "peer", "name", "eth0", "netns", node.pid)
        self._hub.do("ip", "link", "set", port, "master", "br0", "up")
        node.do("ip", "address", "add", f"{node.address}/24", "dev", "eth0")
        node.do("ip", "link", "set", "eth0", "up")
        for each in self.nodes.values():
            each.knows({one.name: one.address for one in self.nodes.values()})
        return node

    def cut(self, node: Node) -> None:
        """Cut a node off: no packet reaches it or leaves it any more."""
        node.do("ip", "link", "set", "eth0", "down")

    def start_ray(self, *nodes: Node, cpus: int = 1) -> None:
        """Start a Ray on these nodes; the first is its head."""
        for node in nodes:
            temporary = self.folder / "ray"
            temporary.mkdir(exist_ok=True)
            node.own_folder(temporary)  # each has its own sessions and sockets
            head = ["--head", f"--port={_PORT}", "--dashboard-host=0.0.0.0", f"--temp-dir={temporary}"]
            part = head if node is nodes[0] else [f"--address={nodes[0].address}:{_PORT}"]
            node.ray = node.start(
                sys.executable,
                "-m",
                "ray.scripts.scripts",
                "start",
                *part,
                "--block",
                "--disable-usage-stats",
                f"--node-ip-address={node.address}",
                f"--num-cpus={cpus}",
                "--object-store-memory=200000000",
                cwd=node.folder,
            )
            if node is nodes[0]:
                self._wait_for_head(node)
        self._wait_for_nodes(nodes)

    @staticmethod
    def jobs(head: Node) -> str:
        """The address of a head's Jobs API."""
        return f"http://{head.address}:{_JOBS_PORT}"

    def _wait_for_head(self, node: Node) -> None:
        self._wait(node, f"import urllib.request; urllib.request.urlopen('{self.jobs(node)}/api/version', timeout=5)")

    def _wait_for_nodes(self, nodes: tuple[Node, ...]) -> None:
        asks = f"from ray.util.state import list_nodes; assert sum(n.state == 'ALIVE' for n in list_nodes(address='{self.jobs(nodes[0])}')) == {len(nodes)}"  # noqa: E501
        self._wait(nodes[0], asks)

    def _wait(self, node: Node, code: str) -> None:
        end = time.monotonic() + _START_LIMIT_S
        command = node.inside(sys.executable, "-c", code, cwd=node.folder)
        while True:
            asked = subprocess.run(command, env=node.environment(), capture_output=True, text=True)
            if not asked.returncode:
                return
            assert node.ray.poll() is None, node.ray.communicate()
            assert time.monotonic() < end, asked.stderr[-2000:]
            time.sleep(0.5)

    def end(self) -> None:
        """End everything."""
        for node in (*self.nodes.values(), self._hub):
            node.end()


def _lacking() -> str:
    """Why this machine cannot have such a network; "" if it can."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    missing = [name for name in ("ip", "unshare", "nsenter", "hostname") if not shutil.which(name, path=_PATH)]
    if missing:
        return f"{', '.join(missing)}: not installed"
    making = ["unshare", *_OF_ITS_OWN, "ip", "link", "add", "name", "br0", "type", "bridge"]
    tried = subprocess.run(making, env={"PATH": _PATH}, capture_output=True, text=True)
    return f"network namespaces are not allowed here: {tried.stderr.strip()}" if tried.returncode else ""


@contextmanager
def network() -> Iterator[Network]:
    """A network without nodes, removed afterwards. Skips the test, with the reason, if this machine cannot have one."""
    if reason := _lacking():
        pytest.skip(reason)
    # Ray's folder must have a short name: the paths of its sockets may have at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))
    made = Network(folder)
    try:
        yield made.make()
    finally:
        made.end()
        shutil.rmtree(folder, ignore_errors=True)
