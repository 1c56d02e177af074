"""Progress on stderr while a run goes on, and Ray's noise out of its way."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from raytemplate.cli.output import wishes
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import EpochRecord, FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import VerdictRecord
from raytemplate.redact import redacted_stream
from raytemplate.reports.progress import epoch_line, evaluate_text, fit_text, govern_text, ingest_text, stage_line
from raytemplate.reports.wording import head_line

_SECONDS_BETWEEN_PLAIN_LINES = 5.0
_WORKING = {"ingest": "reading", "fit": "training", "evaluate": "scoring", "govern": "judging"}
_terminal: TextIO | None = None


def stream() -> TextIO:
    """Where a person reads: stderr, also while file descriptor 2 goes to a log."""
    return _terminal or sys.stderr


def divert_noise(log: Path) -> None:
    """Send whatever libraries and their C++ parts write to file descriptor 2 into a log, from now on."""
    global _terminal
    if _terminal is not None:
        return
    with suppress(OSError):  # nobody reads it
        sys.stderr.flush()
    _terminal = redacted_stream(os.fdopen(os.dup(2), "w", buffering=1))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def listener(runs: Path) -> Progress:
    """Who hears of a run that this command begins, as it was asked of the output."""
    asked = wishes()
    return Progress(runs, quiet=asked.quiet or asked.as_json)


class Progress:
    """A `Listener` that tells a person. Epochs overwrite each other on a terminal, and are rare lines elsewhere."""

    def __init__(self, runs: Path, *, quiet: bool) -> None:
        self._runs, self._quiet = runs, quiet
        self._live = False
        self._drop = ""
        self._last_line = time.monotonic()

    def started(self, plan: RunPlan, run_id: str) -> None:
        """The head line; from here on noise goes to the run's log."""
        self._drop = plan.ingest.drop
        divert_noise(self._runs / run_id / "ray.log")
        self._say(head_line(plan, run_id) + "\n")
        self._show("starting Ray")

    def stage_started(self, stage: str) -> None:
        """What is going on, on a terminal."""
        self._show(f"{stage:<11}{_WORKING[stage]}")

    def epoch(self, record: EpochRecord, plan: RunPlan, left_s: float) -> None:
        """One epoch: rate, metric, and the time left of training at this pace."""
        pace = record.wall_clock_s / max(1, record.epoch)
        left = max(0.0, min(left_s, pace * (plan.fit.num_epochs - record.epoch)))
        rate = record.num_rows * max(1, plan.fit.workers) / record.loop_s if record.loop_s else 0.0
        fit = plan.fit
        line = epoch_line(record.epoch, fit.num_epochs, fit.metric, record.validation, rate, left, step=fit.step)
        self._show(f"{'fit':<11}{line}")

    def stage_ended(self, stage: str, record: object, seconds: float) -> None:
        """One line a stage."""
        self._clear()
        self._say(stage_line(stage, self._text(record), seconds))

    def note(self, text: str) -> None:
        """A line of its own."""
        self._clear()
        self._say(text)

    def _show(self, text: str) -> None:
        if self._quiet:
            return
        if stream().isatty():
            stream().write(f"\r\x1b[2K  … {text}")
            stream().flush()
            self._live = True
        elif time.monotonic() - self._last_line > _SECONDS_BETWEEN_PLAIN_LINES:
            self._say(f"  … {text}")

    def _clear(self) -> None:
        if self._live:
            stream().write("\r\x1b[2K")
            self._live = False

    def _say(self, text: str) -> None:
        if not self._quiet:
            print(text, file=stream(), flush=True)
            self._last_line = time.monotonic()

    def _text(self, record: object) -> str:
        match record:
            case Snapshot():
                return ingest_text(record, self._drop)
            case FitResult():
                return fit_text(record)
            case Evaluation():
                return evaluate_text(record)
            case VerdictRecord():
                return govern_text(record.verdict)
            case _:
                return ""
