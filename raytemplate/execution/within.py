"""Work that must end by a certain time, whatever it waits for."""

import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def within(limit_s: float, work: Callable[[], T], too_late: Callable[[], Exception]) -> T:
    """What `work` gives, or raises. Where it takes longer than `limit_s`, `too_late` is raised and it is left behind.

    It runs in a thread of its own, since nothing else ends a wait inside a library; this thread stays open to signals.
    What is left behind ends with the engine that it waits for, or with the process.
    """
    if limit_s <= 0:
        raise too_late()
    found: list[Any] = []
    failed: list[BaseException] = []
    context = contextvars.copy_context()

    def run() -> None:
        try:
            found.append(context.run(work))
        except BaseException as error:  # raised again where it is waited for
            failed.append(error)

    thread = threading.Thread(target=run, name="stage", daemon=True)
    thread.start()
    thread.join(limit_s)
    if failed:
        raise failed[0]
    if not found:
        raise too_late()
    return found[0]
