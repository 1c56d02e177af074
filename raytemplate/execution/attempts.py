"""What each process has spent on a run, in a file of its own: `attempt-N.json`.

Twice a second a process records what it will have spent by its next beat, so that a killed process is charged too; its
watchdog records what it saw of a process that could no longer write. Unknown time is charged, not given away: an
attempt whose record is missing or torn counts from the last sign of life before it to the next one, by file
modification times. While a machine sleeps, its monotonic clock stands still, and so does the budget.
"""

import json
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from raytemplate.budget import Meter, Spent
from raytemplate.errors import IntegrityError
from raytemplate.records import codec
from raytemplate.records.run import Attempt
from raytemplate.store.atomic import storage_errors

HEARTBEAT_S = 0.5
"""Seconds between two beats."""
_SLACK_S = 2.0
"""Seconds by which records of work may be newer than the last sign of life. Newer ones belong to an attempt that left
no record of its own."""
_WORK = ("snapshot.json", "features.json", "sweep.json", "trials.jsonl", "epochs.jsonl", "fit.json", "evaluation.json")
_START, _JOB = "run.json", "job.json"


@dataclass(frozen=True, slots=True)
class _Seen:
    """One attempt as its file tells it."""

    record: Attempt | None
    """None if the file is missing or torn."""
    touched: float
    """When the file was last modified, in seconds since the epoch; 0 if it is missing."""


def spent_in(folder: Path) -> Spent:
    """What all processes have spent on the run in this folder, including an upper bound for lost attempts."""
    total_s, usd, unpriced_s, until, missing = 0.0, 0.0, 0.0, _touched(folder / _START), False
    last = until
    for one in (_read(folder / f"attempt-{number}.json") for number in range(1, _last_number(folder) + 1)):
        last = max(last, one.touched)
        if one.record is None:
            missing = True
            continue
        if one.record.earlier_s is not None:  # this attempt knew what was spent before it
            total_s, usd = max(total_s, one.record.earlier_s), max(usd, one.record.earlier_usd)
        elif missing:
            lost_s = max(0.0, one.record.started.timestamp() - until)
            total_s, unpriced_s = total_s + lost_s, unpriced_s + lost_s
        total_s, usd = total_s + one.record.seen_s, usd + one.record.seen_usd
        until, missing = max(until, one.touched), False
    ended_s, ended_usd = _at_its_ends(folder)
    lost_s = 0.0 if ended_s > 0 and not missing else _lost_last_s(folder, until, last, missing=missing)
    return Spent(seconds=max(total_s + lost_s, ended_s), usd=max(usd, ended_usd), unpriced_s=unpriced_s + lost_s)


def _lost_last_s(folder: Path, until: float, last: float, *, missing: bool) -> float:
    """Seconds since the last sign of life of a readable attempt, if another attempt followed it; otherwise 0."""
    # A submitted run works elsewhere, and its records come from there.
    worked = 0.0 if (folder / _JOB).exists() else max(_touched(folder / name) for name in _WORK)
    known = until > 0 and (missing or worked > until + _SLACK_S)
    return max(0.0, last - until, worked - until) if known else 0.0


def _last_number(folder: Path) -> int:
    names = (path.stem.removeprefix("attempt-") for path in folder.glob("attempt-*.json"))
    return max((int(name) for name in names if name.isdigit()), default=0)


def _read(path: Path) -> _Seen:
    try:
        return _Seen(codec.decode(Attempt, json.loads(path.read_text())), _touched(path))
    except FileNotFoundError:
        return _Seen(None, 0.0)
    except (ValueError, KeyError, TypeError, IntegrityError):
        return _Seen(None, _touched(path))


def _at_its_ends(folder: Path) -> tuple[float, float]:
    """Seconds and US dollars from the run's `RunEnd` records, each of which counts all attempts before it."""
    seconds, usd = 0.0, 0.0
    for path in folder.glob("end*.json"):
        with suppress(ValueError, KeyError, TypeError):
            end = json.loads(path.read_text())
            seconds, usd = max(seconds, float(end["wall_clock_s"])), max(usd, float(end["cost_usd"]))
    return seconds, usd


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


class Charge:
    """The next attempt on the run in a folder, charged by its meter."""

    def __init__(self, folder: Path, meter: Meter) -> None:
        self.path = folder / f"attempt-{_last_number(folder) + 1}.json"
        self._meter, self._began = meter, datetime.now(UTC)

    def beat(self, ahead_s: float = HEARTBEAT_S) -> None:
        """Record what will have been spent `ahead_s` seconds from now, normally at the next beat."""
        here, rate, earlier = self._meter.here(), self._meter.rate, self._meter.earlier
        _write(
            self.path,
            Attempt(
                started=self._began,
                seen_s=round(here.seconds + ahead_s, 3),
                seen_usd=here.usd + rate * ahead_s,
                usd_per_s=rate,
                earlier_s=earlier.seconds,
                earlier_usd=earlier.usd,
            ),
        )


@contextmanager
def charged(folder: Path, meter: Meter) -> Generator[Path]:
    """Charge this process to the run; yields the file that holds the charge."""
    attempt, ended = Charge(folder, meter), threading.Event()

    def beat_if_possible() -> None:
        # On a full disk the last beat that was written stands; the run itself reports the full disk.
        with suppress(OSError):
            attempt.beat()

    def keep_beating() -> None:
        while not ended.wait(HEARTBEAT_S):
            beat_if_possible()

    with storage_errors(attempt.path):
        attempt.beat()
    meter.on_change = beat_if_possible
    thread = threading.Thread(target=keep_beating, name="attempt", daemon=True)
    thread.start()
    try:
        yield attempt.path
    finally:
        ended.set()
        thread.join()
        meter.on_change = None
        with suppress(OSError):
            attempt.beat(ahead_s=0.0)


def last_word(path: Path) -> Attempt | None:
    """What an attempt last recorded about itself; None if that cannot be read."""
    return _read(path).record


def saw(path: Path, seconds: float) -> None:
    """Charge an attempt for what an observer saw: `seconds` from its start, unless it has recorded more itself."""
    attempt = last_word(path)
    if attempt is None or seconds <= attempt.seen_s:
        return
    more_usd = (seconds - attempt.seen_s) * attempt.usd_per_s
    _write(path, replace(attempt, seen_s=round(seconds, 3), seen_usd=attempt.seen_usd + more_usd))


def _write(path: Path, attempt: Attempt) -> None:
    """Replace the record; if the disk has no room for a new file, overwrite the old one in place."""
    data, scratch = json.dumps(codec.encode(attempt)).encode(), path.with_suffix(".tmp")
    try:
        scratch.write_bytes(data)
        scratch.replace(path)
    except OSError:
        if not path.exists():
            raise
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.pwrite(descriptor, data.ljust(os.fstat(descriptor).st_size), 0)
        finally:
            os.close(descriptor)
