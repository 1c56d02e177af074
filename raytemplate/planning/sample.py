"""`data.rows`: which slices are read, and what share of a window's rows in them is kept."""

import math
from dataclasses import replace

from raytemplate.data.sources.listing import SourceTable
from raytemplate.planning.moments import overlaps, rows_inside
from raytemplate.planning.stages import Window

_ROWS_A_ROW = 8
"""Rows to read for each row that is kept."""
_FEWEST_SLICES = 4
"""Slices to read of each window at least."""
Windows = tuple[Window, Window, Window]


def sample(windows: Windows, source: SourceTable, num_rows: int, *, timed: bool) -> tuple[Windows, SourceTable]:
    """The windows with the share of their rows to keep, and the source with the slices to read.

    At least four slices, spread evenly over each window, are read; together they hold about eight times the rows asked
    for. Neighbouring rows are alike, so a few whole slices would not be a sample.
    """
    total = sum(window.num_rows for window in windows)
    if num_rows >= total:
        return windows, source
    chosen = {group for window in windows for group in _slices(window, source, num_rows / total, timed=timed)}
    files = [
        replace(file, slices=tuple(one for one in file.slices if (file.path, one.number) in chosen))
        for file in source.files
    ]
    smaller = replace(source, files=tuple(files))
    there = sum(file.num_rows for file in files)
    train, validation, test = (
        _thinned(w, w.num_rows * num_rows / total, _rows(w, smaller) if timed else there * w.num_rows / total)
        for w in windows
    )
    return (train, validation, test), smaller


def _slices(window: Window, source: SourceTable, share: float, *, timed: bool) -> list[tuple[str, int]]:
    """(file, number) of the slices that a window is sampled from."""
    found = [(file.path, one) for file in source.files for one in file.slices if one.num_rows]
    held = [(path, one.number) for path, one in found if not timed or overlaps(one, window.start, window.end)]
    number = max(_FEWEST_SLICES, math.ceil(len(held) * share * _ROWS_A_ROW))
    if number >= len(held):
        return held
    return [held[round(index * (len(held) - 1) / (number - 1))] for index in range(number)]


def _thinned(window: Window, wanted: float, there: float) -> Window:
    return replace(window, num_rows=max(1, round(wanted)), exact=False, share=min(1.0, wanted / max(1.0, there)))


def _rows(window: Window, source: SourceTable) -> float:
    return sum(rows_inside(one, window.start, window.end)[0] for file in source.files for one in file.slices)
