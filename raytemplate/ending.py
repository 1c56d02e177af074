"""The end of a process that cannot unwind: a thread of a library's would end it, or has what it needs to go on."""

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
    """From now on this says what went wrong, and with which code the process ends; default: plain lines on stderr."""
    global _teller
    _teller = teller


def is_a_command() -> bool:
    """Whether this process is there for one command alone, which has said how its end is told."""
    return _teller is not _tell


def end_now(error: RaytemplateError) -> NoReturn:
    """Say what went wrong and end this process with its exit code, from any thread; only the first error is told."""
    _one_at_a_time.acquire()  # never given back
    code = error.exit_code
    with suppress(Exception):  # nobody can be told any more
        code = _teller(error)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
