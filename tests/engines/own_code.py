"""Mistakes that a project's own code may make; run on workers by tests/engines/test_trouble.py."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any


def raises() -> None:
    raise ValueError("three is too many")


def lacks_a_package() -> None:
    import no_such_package  # pyright: ignore[reportMissingImports]

    no_such_package.work()


def gives_a_lock() -> Any:
    return threading.Lock()


def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def asks_for_too_much() -> None:
    import numpy as np

    np.empty(2**55, dtype=np.uint8).sum()
