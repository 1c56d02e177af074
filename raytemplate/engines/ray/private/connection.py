"""This process's connection to Ray: the address that "auto" resolves to, and the threads that may use Ray."""

import threading
from typing import Any

from raytemplate.engines.ray.private.switch import found


def found_address() -> str:
    """The address of the Ray that "auto" resolves to; "" if it is unknown before connecting.

    Raises:
        ConnectionError: there is no such Ray.
    """
    parts = found("ray._private.services:canonicalize_bootstrap_address")
    return (parts[0]("auto") or "") if parts else ""


def reach_from_this_thread_only() -> None:
    """From now on, make Ray look gone to all other threads of this process.

    When Python frees a reference to a Ray object, in any thread, the reference notifies Ray. If Ray has just gone, its
    C++ code ends the process silently with exit code 1.
    """
    parts = found("ray._private.worker:global_worker")
    core = getattr(parts[0], "core_worker", None) if parts else None
    if parts and core is not None:
        parts[0].core_worker = _OnlyFromHere(core)


class _OnlyFromHere:
    """Ray's core worker, but only for the creating thread. Freeing a reference tolerates the error others get."""

    def __init__(self, core: Any) -> None:
        self._core, self._thread = core, threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        if threading.get_ident() != self._thread:
            raise AttributeError(f"{name}: this process leaves Ray")
        return getattr(self._core, name)
