"""The bottom of a terminal while a run goes on. Only this file imports rich, and only where there is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

_A_SECOND = 5
_BAR = 20
_SPARE = 4
"""Columns for the ^C of a terminal: a line that it makes too long would stay."""


class Screen:
    """Two lines that are drawn again and again below what has been said, and are gone without a trace when it closes.

    Args:
        out: the terminal.
        clock: the second line, asked for at each drawing: it goes on while nothing happens.
    """

    def __init__(self, out: TextIO, clock: Callable[[], str]) -> None:
        self._clock, self._text = clock, ""
        self._done, self._of = 0, 0
        self._spinner = Spinner("dots", style="cyan")
        self._console = Console(file=out, highlight=False)
        # What a project's own code prints goes above the two lines, where stdout is the same terminal.
        self._live = Live(
            console=self._console, get_renderable=self._picture, transient=True, refresh_per_second=_A_SECOND,
            redirect_stdout=sys.stdout.isatty(), redirect_stderr=False,
        )  # fmt: skip
        self._live.start()

    def show(self, text: str, *, done: int = 0, of: int = 0) -> None:
        """What is being done now, and how much of it is done, where that is known."""
        self._text, self._done, self._of = text, done, of

    def say(self, text: str) -> None:
        """A line that stays."""
        line = Text(text)
        line.highlight_regex(r"(?m)^  ✓", "green")
        self._console.print(line, soft_wrap=True)

    def close(self) -> None:
        """Take the two lines away and show the cursor again."""
        self._live.stop()

    def _picture(self) -> RenderableType:
        first = Table.grid(padding=(0, 1))
        first.add_column(width=3, justify="right")
        first.add_column(no_wrap=True, overflow="ellipsis")
        bar = [ProgressBar(total=self._of, completed=self._done, width=_BAR)] if self._of else []
        first.add_row(self._spinner, Text(self._text), *bar)
        second = Text(f"    {self._clock()}", style="dim", no_wrap=True, overflow="ellipsis")
        return Constrain(Group(first, second), self._console.width - _SPARE)
