"""Reads runs and renders their pages, on all cores if there are many."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from raytemplate.execution.read_once import ReadOnce
from raytemplate.website.summary import RunSummary, summarised

_MANY = 64
"""Least number of runs for which starting processes pays off."""
_AT_A_TIME = 8
"""Runs that a process takes at a time."""


def rendered(folders: Sequence[Path]) -> Iterator[tuple[RunSummary, bytes]]:
    """The summary and the page of each run, in their order."""
    first, rest = folders[:1], folders[1:]
    yield from map(_rendered, first)  # compiled templates and the like then exist before the processes are forked
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if len(rest) < _MANY or cores == 1 or not _may_fork():
        yield from map(_rendered, rest)
        return
    with multiprocessing.get_context("fork").Pool(cores, initializer=_end_quietly) as pool:
        yield from pool.imap(_rendered, rest, chunksize=_AT_A_TIME)


def _may_fork() -> bool:
    """Whether no other thread can hold a lock on which a forked process would hang.

    The commands' own thread, which waits for signals, never holds one.
    """
    others = {thread.name for thread in threading.enumerate()} - {threading.main_thread().name, "signals"}
    return not others and "ray" not in sys.modules  # Ray's threads are not in Python's list


def _rendered(folder: Path) -> tuple[RunSummary, bytes]:
    return summarised(ReadOnce(folder))


def _end_quietly() -> None:
    """Leave Ctrl-C to the parent process, which then ends this one."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
