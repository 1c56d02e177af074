"""Shows progress on stderr during a run, and keeps Ray's noise out of it."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from raytemplate.cli.output import wishes
from raytemplate.execution.handover import spent_on
from raytemplate.execution.journal import Journal
from raytemplate.planning.stages import RunPlan
from raytemplate.records.swept import SweepNow, TrialRecord
from raytemplate.redact import redacted_stream
from raytemplate.reports.lines import Lines
from raytemplate.reports.progress import budget_line
from raytemplate.reports.sweep_now import budget_gauges, sweep_table

if TYPE_CHECKING:
    from raytemplate.cli.screen import Screen

_terminal: TextIO | None = None
_heard: Progress | None = None


def stream() -> TextIO:
    """The stream that a person reads: the real stderr, even while file descriptor 2 goes to a log."""
    return _terminal or sys.stderr


def divert_noise(log: Path) -> None:
    """From now on, send what libraries and their C++ code write to file descriptor 2 to a log."""
    global _terminal
    if _terminal is not None:
        return
    with suppress(OSError):  # no one is reading it
        sys.stderr.flush()
    _terminal = redacted_stream(os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def listener(runs: Path) -> Progress:
    """The listener for a run of this command, with the requested kind of output; it restores the terminal however the
    command ends."""
    asked = wishes()
    global _heard
    _heard = heard = Progress(runs, quiet=asked.quiet or asked.as_json)
    click.get_current_context().call_on_close(heard.close)
    return heard


def leave() -> None:
    """Restore the terminal before the last message of a command that could not close its listener itself."""
    if _heard is not None:
        _heard.close()


def _can_draw(out: TextIO) -> bool:
    return out.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Progress(Lines):
    """Shows progress to a person: live on a terminal, otherwise line by line."""

    def __init__(self, runs: Path, *, quiet: bool) -> None:
        super().__init__()
        self._runs, self._quiet = runs, quiet
        self._screen: Screen | None = None
        self._plan: RunPlan | None = None

    def started(self, plan: RunPlan, run_id: str) -> None:
        """Print the head line; from here on noise goes to the run's log, and a terminal is drawn on."""
        journal = Journal(self._runs / run_id)
        divert_noise(journal.log)
        if not self._quiet and _can_draw(stream()):
            from raytemplate.cli.screen import Screen

            before, price = journal.spent().seconds - time.monotonic(), plan.limits.usd_per_s
            self._screen = Screen(
                stream(),
                lambda: budget_line(plan, before + time.monotonic(), spent_on(journal, price).usd),
                lambda: budget_gauges(plan, before + time.monotonic(), spent_on(journal, price).usd),
            )
        self._plan = plan
        super().started(plan, run_id)

    def trial(self, record: TrialRecord, best: TrialRecord | None, left_s: float) -> None:
        """Print a line, unless a terminal's table already shows the trial."""
        if self._screen is None:
            super().trial(record, best, left_s)

    def searching(self, now: SweepNow) -> None:
        """Show the sweep as a table, if there is a terminal."""
        if self._screen is not None and self._plan is not None:
            self._screen.show_sweep(sweep_table(now, self._plan))

    def close(self) -> None:
        """Stop drawing: nothing more will be reported."""
        if self._screen is not None:
            with suppress(OSError):  # the terminal is gone; the run continues
                self._screen.close()
            self._screen = None

    def show(self, text: str) -> None:
        """Show the text in the last lines of a terminal, if there is one."""
        if self._screen is not None:
            self._screen.show(text)
        else:
            super().show(text)

    def show_epoch(self, text: str, done: int, of: int) -> None:
        """Show the text with a bar, if there is a terminal."""
        if self._screen is not None:
            self._screen.show(text, done=done, of=of)
        else:
            super().show_epoch(text, done, of)

    def say(self, text: str) -> None:
        """Print a line above what is drawn, if anything is; nothing with `--quiet`."""
        if self._quiet:
            return
        if self._screen is not None:
            with suppress(OSError):
                self._screen.say(text)
        else:
            super().say(text)

    def out(self) -> TextIO:
        """The stream that a person reads."""
        return stream()
