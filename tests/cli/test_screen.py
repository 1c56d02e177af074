"""The live table of a sweep as a terminal shows it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from raytemplate.cli.screen import Screen
from raytemplate.reports.sweep_now import Gauge, SweepTable

TABLE = SweepTable(
    ended="12 trials ended: 5 finished, 7 pruned; about 28 more fit",
    best="mae 7.31 in trial 5: training.lr 0.0011, model.hidden 128, and a good many values besides, of every field",
    running=(Gauge(name="trial 13", done=0.5, text="epoch 3 of 6, 2 s"),),
    num_hidden=3,
)
BUDGET = (Gauge(name="time", done=0.25, text="3m of 10m"), Gauge(name="money", done=1.0, text="1 of 1 USD"))


@pytest.fixture
def screen():
    made = Screen(io.StringIO(), lambda: "8 s (planned 9 s)", lambda: BUDGET)
    yield made
    made.close()


def drawn(screen: Screen, width: int) -> list[str]:
    """The lines drawn at present, without colour; the first character is a spinner."""
    console = Console(file=io.StringIO(), width=width, record=True, color_system=None)
    screen._console = console
    console.print(screen._picture())
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_a_sweep_is_a_table(screen: Screen) -> None:
    screen.show_sweep(TABLE)
    spinner, *others = drawn(screen, 84)
    assert spinner[4:] == "sweep      12 trials ended: 5 finished, 7 pruned; about 28 more fit"
    assert others == [
        "    best       mae 7.31 in trial 5: training.lr 0.0011, model.hidden 128, and a…",
        "    trial 13   ━━━━━━━━━━           epoch 3 of 6, 2 s",
        "               and 3 more running",
        "    time       ━━━━━                3m of 10m",
        "    money      ━━━━━━━━━━━━━━━━━━━━ 1 of 1 USD",
    ]


@pytest.mark.parametrize("width", [30, 40, 60])
def test_no_line_reaches_the_end_of_a_narrow_terminal(screen: Screen, width: int) -> None:
    screen.show_sweep(TABLE)
    lines = drawn(screen, width)
    assert len(lines) == 6 and max(map(len, lines)) <= width - 4, lines


def test_what_comes_after_a_sweep_takes_its_place(screen: Screen) -> None:
    screen.show_sweep(TABLE)
    screen.show("fit        epoch 2 of 6", done=2, of=6)
    spinner, clock = drawn(screen, 84)
    assert spinner[4:] == "fit        epoch 2 of 6 ━━━━━━╸" and clock == "    8 s (planned 9 s)"
