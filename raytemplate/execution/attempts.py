"""What each process has spent on a run, in a file of its own: `attempt-N.json`.

A process says twice a second what it will have spent when it says so next, so that one that is killed is charged too;
its watchdog says what it saw of a process that could no longer speak. What is not known is charged rather than given:
an attempt whose record is missing or torn counts from the last sign of life before it to the next one, by the clock of
the files. While a machine sleeps its monotonic clock, and with it the budget, stands still.
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
_SLACK_S = 2.0
"""Records of work that are so much newer than the last sign of life are of an attempt that left no record."""
_WORK = ("snapshot.json", "features.json", "sweep.json", "trials.jsonl", "epochs.jsonl", "fit.json", "evaluation.json")
_START, _JOB = "run.json", "job.json"


@dataclass(frozen=True, slots=True)
class _Seen:
    """One attempt as its file has it; `record` is None where that is missing or torn."""

    record: Attempt | None
    touched: float


def spent_in(folder: Path) -> Spent:
    """What all processes have spent on the run of that folder, what is not known of lost attempts included."""
    total_s, usd, unpriced_s, until, missing = 0.0, 0.0, 0.0, _touched(folder / _START), False
    last = until
    for one in (_read(folder / f"attempt-{number}.json") for number in range(1, _last_number(folder) + 1)):
        last = max(last, one.touched)
        if one.record is None:
            missing = True
            continue
        if one.record.earlier_s is not None:  # it knew what was spent before it
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
    """Seconds since the last sign of life of an attempt whose record can be read, where another followed it."""
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
    """Seconds and US dollars as the ends of the run have them, which count all attempts before them."""
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
    """The next attempt on the run of a folder, charged as its meter says."""

    def __init__(self, folder: Path, meter: Meter) -> None:
        self.path = folder / f"attempt-{_last_number(folder) + 1}.json"
        self._meter, self._began = meter, datetime.now(UTC)

    def beat(self, ahead_s: float = HEARTBEAT_S) -> None:
        """Say what has been spent, and what will have been until the next beat."""
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
    """Charge this process to the run; the file in which that stands."""
    attempt, ended = Charge(folder, meter), threading.Event()

    def beat_if_possible() -> None:
        # On a full disk the last beat that was kept stands; the run itself says that the disk is full.
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
    """What an attempt last said of itself, as far as that can be read."""
    return _read(path).record


def saw(path: Path, seconds: float) -> None:
    """Charge an attempt with what somebody else saw of it: `seconds` from its start, unless it has said more itself."""
    attempt = last_word(path)
    if attempt is None or seconds <= attempt.seen_s:
        return
    more_usd = (seconds - attempt.seen_s) * attempt.usd_per_s
    _write(path, replace(attempt, seen_s=round(seconds, 3), seen_usd=attempt.seen_usd + more_usd))


def _write(path: Path, attempt: Attempt) -> None:
    """Replace the record; where no new file fits the disk any more, write over the old one, which takes no room."""
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
