"""Limits the time of work that may wait for something forever."""

import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def within(limit_s: float, work: Callable[[], T], too_late: Callable[[], Exception]) -> T:
    """Return what `work` returns, or raise what it raises. After `limit_s` seconds `too_late` is raised instead, and
    the work is abandoned.

    The work runs in a thread of its own, because nothing else can end a wait inside a library; the calling thread stays
    open to signals. Abandoned work ends with the engine that it waits for, or with the process.
    """
    if limit_s <= 0:
        raise too_late()
    found: list[Any] = []
    failed: list[BaseException] = []
    context = contextvars.copy_context()

    def run() -> None:
        try:
            found.append(context.run(work))
        except BaseException as error:  # raised again in the calling thread
            failed.append(error)

    thread = threading.Thread(target=run, name="stage", daemon=True)
    thread.start()
    thread.join(limit_s)
    if failed:
        raise failed[0]
    if not found:
        raise too_late()
    return found[0]
