"""How this process is connected to Ray: where the Ray is that "auto" leads to, and who in this process reaches it."""

import threading
from typing import Any

from raytemplate.engines.ray.private.switch import found


def found_address() -> str:
    """The address of the Ray that "auto" leads to, "" if that is not known before it is connected to.

    Raises:
        ConnectionError: there is none.
    """
    parts = found("ray._private.services:canonicalize_bootstrap_address")
    return (parts[0]("auto") or "") if parts else ""


def reach_from_this_thread_only() -> None:
    """For the other threads of this process Ray has gone, from now on.

    A reference to one of its objects tells Ray when Python frees it, in whatever thread that happens. If Ray has just
    gone, its C++ part ends the process with exit code 1 and not a word.
    """
    parts = found("ray._private.worker:global_worker")
    core = getattr(parts[0], "core_worker", None) if parts else None
    if parts and core is not None:
        parts[0].core_worker = _OnlyFromHere(core)


class _OnlyFromHere:
    """Ray's core worker for the thread that made this. Freeing a reference bears that it has gone for others."""

    def __init__(self, core: Any) -> None:
        self._core, self._thread = core, threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        if threading.get_ident() != self._thread:
            raise AttributeError(f"{name}: this process leaves Ray")
        return getattr(self._core, name)
