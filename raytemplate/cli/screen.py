"""The bottom of a terminal during a run. Only this file imports rich, and it is imported only for a terminal."""

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

from raytemplate.reports.sweep_now import Gauge, SweepTable
from raytemplate.reports.visible import visible

_A_SECOND = 5
_BAR = 20
_PADDING = (0, 1, 0, 0)
"""A blank after each column: rich before 14.3 draws one more if there are blanks on both sides."""
_NAME = 10
_SPARE = 4
"""Columns kept free for the terminal's ^C: a line that it made too long could not be erased."""


class Screen:
    """A few lines that are redrawn below the printed text, and vanish without a trace when the screen closes.

    Args:
        out: the terminal.
        clock: gives the second line; called at each redraw, so that the line advances even if nothing happens.
        budget: gives the same as bars, during a sweep.
    """

    def __init__(self, out: TextIO, clock: Callable[[], str], budget: Callable[[], tuple[Gauge, ...]]) -> None:
        self._clock, self._budget, self._text = clock, budget, ""
        self._sweep: SweepTable | None = None
        self._done, self._of = 0, 0
        self._spinner = Spinner("dots", style="cyan")
        self._console = Console(file=out, highlight=False)
        # If stdout is the same terminal, what the project's own code prints goes above the drawn lines.
        self._live = Live(
            console=self._console,
            get_renderable=self._picture,
            transient=True,
            refresh_per_second=_A_SECOND,
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=False,
        )
        self._live.start()

    def show(self, text: str, *, done: int = 0, of: int = 0) -> None:
        """Show what is being done, and how much of it is done if that is known."""
        self._text, self._done, self._of, self._sweep = visible(text), done, of, None

    def show_sweep(self, table: SweepTable) -> None:
        """Show the state of the sweep until something else is shown."""
        self._sweep = table

    def say(self, text: str) -> None:
        """Print a line that stays."""
        line = Text(visible(text))
        line.highlight_regex(r"(?m)^  ✓", "green")
        self._console.print(line, soft_wrap=True)

    def close(self) -> None:
        """Erase the drawn lines and show the cursor again."""
        self._live.stop()

    def _picture(self) -> RenderableType:
        sweep = self._sweep
        return Constrain(self._lines() if sweep is None else self._table(sweep), self._console.width - _SPARE)

    def _table(self, sweep: SweepTable) -> RenderableType:
        drawn = Table.grid(padding=_PADDING, expand=True)
        drawn.add_column(width=3, justify="right")
        drawn.add_column(width=_NAME, no_wrap=True)
        drawn.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        drawn.add_row(self._spinner, "sweep", Text(visible(sweep.ended)))
        drawn.add_row("", "best", Text(visible(sweep.best)))
        for gauge in sweep.running:
            drawn.add_row("", Text(visible(gauge.name)), _barred(gauge))
        if sweep.num_hidden:
            drawn.add_row("", "", Text(f"and {sweep.num_hidden:,} more running"))
        for gauge in self._budget():
            drawn.add_row("", Text(gauge.name, style="dim"), _barred(gauge, style="dim"))
        return drawn

    def _lines(self) -> RenderableType:
        first = Table.grid(padding=_PADDING)
        first.add_column(width=3, justify="right")
        first.add_column(no_wrap=True, overflow="ellipsis")
        bar = [ProgressBar(total=self._of, completed=self._done, width=_BAR)] if self._of else []
        first.add_row(self._spinner, Text(self._text), *bar)
        second = Text(f"    {self._clock()}", style="dim", no_wrap=True, overflow="ellipsis")
        return Group(first, second)


def _barred(gauge: Gauge, style: str = "") -> RenderableType:
    line = Table.grid(padding=_PADDING, expand=True)
    line.add_column(width=_BAR)
    line.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    line.add_row(ProgressBar(total=1.0, completed=gauge.done, width=_BAR), Text(visible(gauge.text), style=style))
    return line
