"""Progress on stderr while a run goes on, and Ray's noise out of its way."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from raytemplate.cli.output import wishes
from raytemplate.execution.journal import Journal
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import EpochRecord, FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import VerdictRecord
from raytemplate.redact import redacted_stream
from raytemplate.reports.progress import (
    budget_line,
    epoch_line,
    evaluate_text,
    fit_text,
    govern_text,
    ingest_text,
    stage_line,
)
from raytemplate.reports.wording import head_line

if TYPE_CHECKING:
    from raytemplate.cli.screen import Screen

_SECONDS_BETWEEN_EPOCHS = 5.0
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
    _terminal = redacted_stream(os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def listener(runs: Path) -> Progress:
    """Who hears of a run that this command begins, as it was asked of the output; however the command ends, it leaves
    the terminal as it was."""
    asked = wishes()
    heard = Progress(runs, quiet=asked.quiet or asked.as_json)
    click.get_current_context().call_on_close(heard.close)
    return heard


def _can_draw(out: TextIO) -> bool:
    return out.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Progress:
    """A `Listener` that tells a person: live on a terminal; elsewhere a line where a stage begins and where it ends."""

    def __init__(self, runs: Path, *, quiet: bool) -> None:
        self._runs, self._quiet = runs, quiet
        self._screen: Screen | None = None
        self._drop = ""
        self._last_line = time.monotonic()

    def started(self, plan: RunPlan, run_id: str) -> None:
        """The head line; from here on noise goes to the run's log."""
        self._drop = plan.ingest.drop
        journal = Journal(self._runs / run_id)
        divert_noise(journal.log)
        self._say(head_line(plan, run_id) + "\n")
        if not self._quiet and _can_draw(stream()):
            from raytemplate.cli.screen import Screen

            before = journal.spent_s() - time.monotonic()
            self._screen = Screen(stream(), lambda: budget_line(plan, before + time.monotonic()))
        self._show("starting Ray")

    def stage_started(self, stage: str) -> None:
        """What is going on."""
        self._show(f"{stage:<11}{_WORKING[stage]}")

    def epoch(self, record: EpochRecord, plan: RunPlan, left_s: float) -> None:
        """One epoch: rate, metric, and the time left of training at this pace."""
        pace = record.wall_clock_s / max(1, record.epoch)
        left = max(0.0, min(left_s, pace * (plan.fit.num_epochs - record.epoch)))
        rate = record.num_rows * max(1, plan.fit.workers) / record.loop_s if record.loop_s else 0.0
        fit = plan.fit
        line = f"{'fit':<11}" + epoch_line(
            record.epoch, fit.num_epochs, fit.metric, record.validation, rate, left, step=fit.step
        )
        if self._screen is not None:
            self._screen.show(line, done=record.epoch, of=fit.num_epochs)
        elif time.monotonic() - self._last_line > _SECONDS_BETWEEN_EPOCHS:
            self._show(line)

    def stage_ended(self, stage: str, record: object, seconds: float) -> None:
        """One line a stage."""
        self._say(stage_line(stage, self._text(record), seconds))

    def note(self, text: str) -> None:
        """A line of its own."""
        self._say(text)

    def close(self) -> None:
        """Nothing more will be told."""
        if self._screen is not None:
            self._screen.close()
            self._screen = None

    def _show(self, text: str) -> None:
        if self._screen is not None:
            self._screen.show(text)
        else:
            self._say(f"  … {text}")

    def _say(self, text: str) -> None:
        if self._quiet:
            return
        if self._screen is not None:
            self._screen.say(text)
        else:
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
