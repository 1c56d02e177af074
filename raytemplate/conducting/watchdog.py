"""A process that ends the process of a run, and everything that it started, once its time is over: if the latter is
stopped, or its code holds the interpreter lock, it cannot do so itself (otherwise `conducting.timekeeper` does).

`python -m raytemplate.conducting.watchdog FOLDER ASKED` watches its parent. It ends when its standard input is closed,
which happens when its parent has ended; the time until then is charged to the run. It imports more than the standard
library only shortly before the time is over.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from raytemplate.budget import Meter, Spent
from raytemplate.conducting.processes import below, has_ended, is_stopped, wants_cpu
from raytemplate.execution.attempts import last_word, saw

_HARD_S = 1.5
"""Seconds after the end of a run's time at which its process is ended; with what that takes, it is gone within two
seconds. By then a process that can end itself (`conducting.timekeeper`) has done so."""
_PATIENCE_S = 10.0
"""Seconds that a process which only waits for a CPU gets to end by itself: a busy machine is no reason to kill it."""
_LOOKS_IF_BUSY = 5
"""Number of successive looks at which a process seen waiting for a CPU must not wait for one before it is ended: in
between it may wait for a disk."""
_RECORD_S = 0.5
_READY_S, _LOOK_S, _SELDOM_S = 5.0, 0.1, 1.0
_FITTED, _ENDED = "fit.json", "end.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """The meter of a process in plain numbers."""

    attempt: str
    """File in which the process records what it has spent."""
    started: float
    """When the meter started, on the machine's monotonic clock."""
    limit_s: float
    """Seconds of the whole budget."""
    limit_usd: float
    """US dollars of the whole budget."""
    judging_s: float
    """Seconds reserved for judging."""
    judging_usd: float
    """US dollars reserved for judging."""
    earlier_s: float
    """Seconds spent by earlier processes."""
    earlier_usd: float
    """US dollars spent by earlier processes."""

    def left_s(self, folder: Path) -> float:
        """Seconds left by time and by money, at the price of what the process held according to its last record."""
        word = last_word(Path(self.attempt))
        usd_before = self.earlier_usd + (word.seen_usd - word.usd_per_s * word.seen_s if word else 0.0)
        meter = Meter(
            limit_s=self.limit_s,
            limit_usd=self.limit_usd,
            judging_s=self.judging_s,
            judging_usd=self.judging_usd,
            usd_per_s=word.usd_per_s if word else 0.0,
            earlier=Spent(seconds=self.earlier_s, usd=usd_before),
            started=self.started,
        )
        return meter.judging_remaining_s() if (folder / _FITTED).exists() else meter.remaining_s()


@contextmanager
def watched(folder: Path, attempt: Path, meter: Meter) -> Generator[None]:
    """Within this context, a watchdog ends this process if it outlasts its time.

    Args:
        folder: the run's folder.
        attempt: file in which this process records what it has spent.
    """
    asked = _Asked(
        attempt=str(attempt),
        started=meter.started,
        limit_s=meter.limit_s,
        limit_usd=meter.limit_usd,
        judging_s=meter.judging_s,
        judging_usd=meter.judging_usd,
        earlier_s=meter.earlier.seconds,
        earlier_usd=meter.earlier.usd,
    )
    command = [sys.executable, "-m", "raytemplate.conducting.watchdog", str(folder), json.dumps(asdict(asked))]
    # In a session of its own, so that Ctrl-C and Ctrl-Z in the terminal do not reach it.
    watcher = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=dict(os.environ),
    )
    try:
        yield
    finally:
        watcher.kill()
        watcher.wait()
        if watcher.stdin is not None:
            with suppress(OSError):
                watcher.stdin.close()


def _watch(folder: Path, asked: _Asked) -> None:
    driver, ready = os.getppid(), False
    while (left_s := asked.left_s(folder)) > -_HARD_S and not (left_s < 0 and is_stopped(driver)):
        if left_s < _READY_S and not ready:
            from raytemplate.execution import failure as _  # noqa: F401  now, when there is time for it

            ready = True
        if _has_ended(_LOOK_S if ready else min(_SELDOM_S, left_s - _READY_S)):
            saw(Path(asked.attempt), time.monotonic() - asked.started)
            return
    until = time.monotonic() + _PATIENCE_S
    _let_end(driver, folder, until)
    # Recorded before the kill, because others read the record as soon as the process has gone. A hanging disk does not
    # prevent the kill.
    was_quicker = threading.Event()
    recording = threading.Thread(target=_record, args=(folder, asked, was_quicker), daemon=True)
    recording.start()
    recording.join(_RECORD_S)
    if was_quicker.is_set():
        _let_end(driver, folder, until)
    _kill(driver)
    recording.join()
    saw(Path(asked.attempt), time.monotonic() - asked.started)


def _let_end(driver: int, folder: Path, until: float) -> None:
    looks = 1
    while looks and time.monotonic() < until:
        looks = _LOOKS_IF_BUSY if _ends_itself(driver, folder) else looks - 1


def _ends_itself(driver: int, folder: Path) -> bool:
    """Whether the process has recorded its end and only has to exit, or waits for a CPU. Watches it for a moment."""
    waits = wants_cpu(driver, _LOOK_S)
    return not has_ended(driver) and not is_stopped(driver) and (waits or (folder / _ENDED).exists())


def _has_ended(wait_s: float) -> bool:
    """Whether the parent ends, or calls its watchdog off, within that time."""
    ready, _, _ = select.select([sys.stdin], [], [], max(0.0, wait_s))
    return bool(ready)


def _kill(driver: int) -> None:
    """Kill the process and all its descendants, which are found before the process is gone."""
    for pid in (driver, *(below(driver) - {os.getpid()})):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _record(folder: Path, asked: _Asked, was_quicker: threading.Event) -> None:
    """Record the end of the run, unless its process has done so itself.

    Args:
        was_quicker: set if its process did so meanwhile.
    """
    from raytemplate.execution.failure import record_failure
    from raytemplate.execution.journal import Journal
    from raytemplate.execution.lock import read_lock
    from raytemplate.execution.time_left import too_late

    if (folder / _ENDED).exists():
        return
    saw(Path(asked.attempt), time.monotonic() - asked.started)
    journal = Journal(folder)
    plan = read_lock(journal).plan
    meter = plan.limits.meter(journal.spent(), time.monotonic())
    late = too_late(plan, journal, meter, "and the process of the run did not end by itself; it was ended")
    if record_failure(journal, plan, meter, late) is not None:
        was_quicker.set()


if __name__ == "__main__":
    _watch(Path(sys.argv[1]), _Asked(**json.loads(sys.argv[2])))
