"""Ends a process that cannot unwind, because a library's thread would end it first or holds what it needs."""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from raytemplate.errors import RaytemplateError

_one_at_a_time = threading.Lock()


def _tell(error: RaytemplateError) -> int:
    print(error.what, *([f"  {error.next_step}"] if error.next_step else []), sep="\n", file=sys.stderr, flush=True)
    return error.exit_code


_teller: Callable[[RaytemplateError], int] = _tell


def told_by(teller: Callable[[RaytemplateError], int]) -> None:
    """Set how `end_now` reports an error and chooses the exit code. Default: plain lines on stderr."""
    global _teller
    _teller = teller


def is_a_command() -> bool:
    """Whether this process exists for a single command, which has called `told_by`."""
    return _teller is not _tell


def end_now(error: RaytemplateError) -> NoReturn:
    """Report an error and end this process with its exit code, from any thread. Only the first error is reported."""
    _one_at_a_time.acquire()  # never released
    code = error.exit_code
    with suppress(Exception):  # there is no way left to report another error
        code = _teller(error)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
