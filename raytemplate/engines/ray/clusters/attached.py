"""A Ray that is already running: it is used and left running, and everything this process held there is freed."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from raytemplate.engines.ray.clusters import lost
from raytemplate.engines.ray.clusters.leaving import Leaving
from raytemplate.engines.ray.private.connection import found_address
from raytemplate.engines.ray.private.growing import may_grow
from raytemplate.errors import EngineError, Forbidden, RaytemplateError, Unavailable, in_words
from raytemplate.planning.addresses import refuse_jobs_api
from raytemplate.planning.inventory import Cluster, Node

# Workers are polled often enough to be quick. Settings about nodes that come and go keep Ray's defaults.
_ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "5",  # as `losses.START_TRY_S`, which would import Ray
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
}
_ANSWER_LIMIT_S, _HASTE_S, _LEAVE_LIMIT_S = 5.0, 3.0, 15.0
_HTTP2_SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
_HTTP2_BEGINS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _HTTP2_SETTINGS
_ACCELERATOR = "accelerator_type:"
_NODE_TYPE = "ray.io/node-group"


class AttachedRay:
    """The Ray at an address: "auto" finds the one on this machine, "host:port" names a head.

    Leaving it disconnects this process; Ray then frees what belongs to it, including actors and placement groups.
    If this process was connected to a Ray before, that one is used and stays connected.
    """

    ours = False

    def __init__(self, address: str) -> None:
        self._address = address
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._connected = False
        self._leaving = Leaving()

    def start(self) -> AttachedRay:
        """Begin to connect; returns at once."""
        threading.Thread(target=self._connect, name="ray", daemon=True).start()
        return self

    def wait(self) -> None:
        """Wait until this process is connected.

        Raises:
            Unavailable: there is no Ray, or it does not answer.
            Forbidden: it does not accept the token.
            EngineError: any other error from Ray.
        """
        self._ready.wait()
        if isinstance(self._error, RaytemplateError):
            raise self._error
        if self._error is not None:
            raise EngineError("ray", f"could not be connected to: {in_words(self._error)}") from self._error

    def wait_quietly(self) -> None:
        """Wait until this process is connected, or has failed to connect."""
        self._ready.wait()

    def wait_for_reader(self) -> None:
        """See `RunningRay`. Does nothing: there are no workers of this job yet."""

    def begin_to_stop(self) -> None:
        """See `RunningRay`. Disconnecting is quick, so it is left to `stop`."""
        if self._connected:
            lost.out_of_use()

    def stop(self, *, in_haste: bool = False) -> None:
        """Disconnect, which is quick. In haste, it does not wait for a connection that is not established yet."""
        lost.out_of_use()
        if self._ready.wait(_HASTE_S if in_haste else None) and self._connected:
            # In a thread of its own: leaving a Ray that has died may never return.
            leaving = threading.Thread(target=self._leaving.leave, name="ray", daemon=True)
            leaving.start()
            leaving.join(_HASTE_S if in_haste else _LEAVE_LIMIT_S)
            self._connected = False

    def _connect(self) -> None:
        try:
            self._connected = connect(self._address)
        except BaseException as error:  # handed to the thread that waits
            self._error = error
        finally:
            self._ready.set()


def connect(address: str) -> bool:
    """Connect this process to a running Ray; False if it was connected already.

    Raises:
        UsageError: the address is one of the Jobs API.
        Unavailable, Forbidden: see `AttachedRay.wait`.
    """
    refuse_jobs_api(address, f"raytemplate submit FILE --address {address}")
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray
    from ray.exceptions import AuthenticationError

    if ray.is_initialized():
        return False
    try:
        refuse_silence(found_address() if address == "auto" else address)
        lost.connecting()
        context: Any = ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except AuthenticationError as error:
        lost.out_of_use()
        raise Forbidden(f"the Ray at {address} does not accept this token", next_step=TOKEN_STEP) from error
    except (ConnectionError, RuntimeError, ValueError) as error:
        lost.out_of_use()
        first = str(error).strip().partition("\n")[0]
        # A wrong token looks the same from here: Ray retries for twenty seconds and then gives up.
        raise Unavailable(
            f"no Ray at {address} lets this process in: {first}",
            next_step=f"ray start --head, or leave out --address; if it asks for a token, {TOKEN_STEP}",
        ) from error
    lost.in_use(context.address_info, ours=False)
    return True


def refuse_silence(address: str) -> None:
    """Refuse an address at which no Ray head listens: Ray would try it for minutes, then end the process.

    Raises:
        Unavailable: no Ray head answers at `address` (host:port).
    """
    host, _, port = address.rpartition(":")
    if not address or not port.isdigit():
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_LIMIT_S) as asked:
            # With TLS it would not answer a request in plain text.
            another = os.environ.get("RAY_USE_TLS", "0") == "0" and not _speaks_http2(asked)
    except OSError as error:
        raise Unavailable(
            f"no Ray answers at {address}: {error.strerror or error}",
            next_step="ray start --head, or leave out --address",
        ) from error
    if another:
        raise Unavailable(
            f"no Ray answers at {address}: the process listening there is not a Ray head, or is stopped",
            next_step=f"the address of a head, such as head:6379; for its Jobs API, submit with http://{address}",
        )


def _speaks_http2(asked: socket.socket) -> bool:
    """Whether the other side answers like every gRPC server: at once, with its settings."""
    asked.sendall(_HTTP2_BEGINS)
    try:
        answer = asked.recv(len(_HTTP2_SETTINGS))
    except TimeoutError:
        return False
    return answer[3:4] == _HTTP2_SETTINGS[3:4]


def _is_here(address: str) -> bool:
    """Whether an address belongs to this machine, that is, a socket can be bound to it."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as found:
            found.bind((address, 0))
    except OSError:
        return False
    return True


TOKEN_STEP = "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH to the file with the cluster's token"


@contextmanager
def _connected(address: str) -> Generator[None]:
    fresh = connect(address)
    try:
        yield
    finally:
        if fresh:
            import ray

            lost.out_of_use()
            ray.shutdown()
            lost.left()


def cluster_at(address: str) -> Cluster:
    """The nodes of a running Ray; this process is connected only while it reads them."""
    with _connected(address):
        import ray

        alive, grows = [node for node in ray.nodes() if node["Alive"]], may_grow()
    found = ((str(n["NodeManagerAddress"]), n["Resources"], n.get("Labels") or {}) for n in alive)
    return replace(cluster_of(found, address), grows=grows)


def cluster_of(nodes: Iterable[tuple[str, dict[str, float], Mapping[str, str]]], address: str) -> Cluster:
    """The cluster made of nodes as Ray describes them (address, resources, labels), sorted by address.

    Raises:
        Unavailable: there are no nodes.
    """
    found = tuple(_node(name, resources, labels) for name, resources, labels in nodes)
    if not found:
        raise Unavailable(f"the cluster at {address} has no node that is alive", next_step="ray status")
    return Cluster(nodes=tuple(sorted(found, key=lambda n: n.name)), local=False, address=address)


def _node(name: str, resources: dict[str, float], labels: Mapping[str, str]) -> Node:
    kinds = [r.removeprefix(_ACCELERATOR) for r in resources if r.startswith(_ACCELERATOR)]
    return Node(
        name=f"node {name}",
        cpus=float(resources.get("CPU", 0)),
        gpus=float(resources.get("GPU", 0)),
        memory_bytes=int(resources.get("memory", 0)),
        accelerator=kinds[0] if kinds else "",
        object_store_bytes=int(resources.get("object_store_memory", 0)),
        kind=labels.get(_NODE_TYPE, ""),
        here=_is_here(name),
    )
