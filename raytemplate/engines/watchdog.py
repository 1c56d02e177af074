"""A process beside the one that conducts a run, which ends that and all that it started once the budget has ended
without it: one that was stopped, or whose code never comes back, cannot keep its own time.

`python -m raytemplate.engines.watchdog FOLDER SECONDS KEPT` watches its parent. It ends when its standard input does.
Only shortly before the budget ends it imports more than the standard library.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

_SILENCE_S, _SILENCE_JUDGING_S = 1.5, 5.0
"""The conducting process writes what it has spent twice a second: without a word for so long it is stopped or stuck."""
_SOFT_S, _HARD_S = 2.0, 7.0
"""After the end of the budget it is asked to end, then ended."""
_LEAST_S = 15.0
"""A process that goes on with a run whose budget is spent finds that out by itself."""
_READY_S = 5.0
_LOOK_S = 0.1
_FITTED, _ENDED = "fit.json", "end.json"


@contextmanager
def watched(folder: Path, remaining_s: float, judging_s: float) -> Generator[None]:
    """While in here, this process is ended where it outlasts its budget.

    Args:
        folder: the run's.
        remaining_s: seconds until the budget has ended.
        judging_s: what a candidate that is there by then may still take.
    """
    command = [sys.executable, "-m", "raytemplate.engines.watchdog", str(folder), str(remaining_s), str(judging_s)]
    # In a session of its own: neither Ctrl-C nor Ctrl-Z in the terminal is for it.
    watcher = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        watcher.kill()
        watcher.wait()
        if watcher.stdin is not None:
            with suppress(OSError):
                watcher.stdin.close()


def _watch(folder: Path, remaining_s: float, judging_s: float) -> None:
    driver, end = os.getppid(), time.monotonic() + max(remaining_s, _LEAST_S)
    if _has_left(max(0.0, end - time.monotonic() - _READY_S)):
        return
    from raytemplate.execution import failure as _  # noqa: F401  now, when there is time for it

    if _has_left(max(0.0, end - time.monotonic())):
        return
    asked = False
    while not _has_left(_LOOK_S):
        late_s = time.monotonic() - end
        judges = (folder / _FITTED).exists()
        allowed_s = judging_s if judges else 0.0
        if late_s > allowed_s + _SOFT_S and not asked:
            os.kill(driver, signal.SIGTERM)
            asked = True
        if _silent_s(folder) > (_SILENCE_JUDGING_S if judges else _SILENCE_S) or late_s > allowed_s + _HARD_S:
            _kill(driver)
            _record(folder)
            return


def _has_left(wait_s: float) -> bool:
    """Whether the parent has ended, or has called its watcher off, within that time."""
    ready, _, _ = select.select([sys.stdin], [], [], wait_s)
    return bool(ready)


def _silent_s(folder: Path) -> float:
    beats = [path.stat().st_mtime for path in folder.glob("attempt-*.json")]
    return time.time() - max(beats, default=time.time())


def _kill(driver: int) -> None:
    """The process and all below it, whatever they do: those that it began last are found before it is gone."""
    below = _below(driver) - {os.getpid()}
    for pid in (driver, *below):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _below(top: int) -> set[int]:
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found: set[int] = {top}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {top}


def _record(folder: Path) -> None:
    """Say in the run's own records what became of it, unless it did so itself."""
    from raytemplate.errors import BudgetSpent
    from raytemplate.execution.failure import record_failure
    from raytemplate.execution.journal import Journal
    from raytemplate.execution.lock import read_lock

    journal = Journal(folder)
    if (folder / _ENDED).exists():
        return
    plan = read_lock(journal).plan
    meter = plan.limits.meter(journal.spent(), time.monotonic())
    error = BudgetSpent(
        f"{meter.told()} were spent, and the process of the run did not end by itself; it was ended",
        next_step="see ray.log in the run's folder; raise budget.time if the step only takes long",
    )
    record_failure(journal, plan, meter, error)


if __name__ == "__main__":
    _watch(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
