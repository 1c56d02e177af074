"""Runs read and their pages made, on all cores where there are many."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from raytemplate.execution.read_once import ReadOnce
from raytemplate.website.summary import RunSummary, summarised

_MANY = 64
"""Runs from which on it pays to start processes."""
_AT_A_TIME = 8
"""Runs that a process takes at a time."""


def rendered(folders: Sequence[Path]) -> Iterator[tuple[RunSummary, bytes]]:
    """The summary and the page of each run, in their order."""
    first, rest = folders[:1], folders[1:]
    yield from map(_rendered, first)  # what the others share, such as compiled templates, is there when they are forked
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    # Beside other threads, such as those of a Ray in this process, a fork may hang.
    if len(rest) < _MANY or cores == 1 or threading.active_count() > 1:
        yield from map(_rendered, rest)
        return
    with multiprocessing.get_context("fork").Pool(cores, initializer=_end_quietly) as pool:
        yield from pool.imap(_rendered, rest, chunksize=_AT_A_TIME)


def _rendered(folder: Path) -> tuple[RunSummary, bytes]:
    return summarised(ReadOnce(folder))


def _end_quietly() -> None:
    """Ctrl-C is heard by the process that started this one, which then ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
