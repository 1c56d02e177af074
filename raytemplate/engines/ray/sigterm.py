"""SIGTERM as it was before Ray came.

Ray gives it back to the kernel when it ends, which then ends the process without a word. Python lets only the main
thread say who hears a signal, and that one waits for a verdict while Ray ends beside it: hence the C library.
"""

from __future__ import annotations

import ctypes
import signal

_LARGEST_ACTION = 512


class Sigterm:
    """Who hears SIGTERM when this is made; `restore` says so again, from any thread."""

    def __init__(self) -> None:
        self._action = ctypes.create_string_buffer(_LARGEST_ACTION)
        self._known = ctypes.CDLL(None).sigaction(int(signal.SIGTERM), None, self._action) == 0

    def restore(self) -> None:
        """As it was."""
        if self._known:
            ctypes.CDLL(None).sigaction(int(signal.SIGTERM), self._action, None)
