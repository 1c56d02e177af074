"""Sorts the rows of a table into windows: cuts by time, drops, samples, and checks them before any training."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raytemplate.data.condition_text import in_condition
from raytemplate.data.conditions import target_columns
from raytemplate.data.features.inputs import column_of
from raytemplate.data.features.numeric import Numeric
from raytemplate.data.split import SIDES, row_hashes
from raytemplate.data.statistics import to_floats
from raytemplate.data.times import between, is_time
from raytemplate.errors import DataError
from raytemplate.units import count, show_moment

_APART = 1 << 40  # keeps a sample's seeds apart from a split's, or it might take out all rows of one side
SIDE = "__raytemplate_side"
"""Column with the side of each row, if rows are split by hash."""
DROPPED = "__raytemplate_dropped"
"""Column that marks the rows that `data.drop` takes out, if values are masked: it applies to them unmasked."""


class Bounds(Protocol):
    """A named, half-open window of time, such as a plan's `Window`."""

    @property
    def name(self) -> str: ...

    @property
    def start(self) -> datetime: ...

    @property
    def end(self) -> datetime: ...


def cut_by_side(table: pa.Table, windows: Sequence[Bounds]) -> dict[str, pa.Table]:
    """The rows of each side by its name, in the table's order. Reading has added the column with the side."""
    rows: Any = table.drop_columns([SIDE])
    found = table.column(SIDE).to_numpy()
    return {window.name: rows.filter(pa.array(found == SIDES.index(window.name))) for window in windows}


def cut(table: pa.Table, time: str, windows: Sequence[Bounds]) -> dict[str, pa.Table]:
    """The rows of each window by its name, start <= time < end, in the table's order. Windows may come out empty.

    Raises:
        DataError: `time` is missing or not a timestamp or date.
    """
    column = column_of(table, time)
    if not is_time(column.type):
        raise DataError(f"column {time} (data.time) is {column.type}, expected a timestamp or a date")
    rows: Any = table
    return {window.name: rows.filter(between(column, window.start, window.end)) for window in windows}


def check_windows(
    windows: Sequence[Bounds],
    num_rows: Mapping[str, int],
    num_dropped: Mapping[str, int],
    newest: datetime | None = None,
) -> None:
    """Raises unless every window has rows left.

    Args:
        num_rows: rows of each window that `data.drop` kept, by window name.
        num_dropped: rows of each window that `data.drop` took out, by window name.
        newest: the newest time in all the data, not only in the windows, if known.

    Raises:
        DataError: names each empty window, its bounds, the newest time in the data and what to do.
    """
    empty = [w for w in windows if num_rows.get(w.name, 0) == 0]
    if not empty:
        return
    where = "; ".join(_why_empty(w, num_dropped.get(w.name, 0)) for w in empty)
    if all(window.start == window.end for window in windows):
        raise DataError(f"no rows in {where}", next_step="other shares of data.split, another data.drop, or more rows")
    until = f"; the newest time in the data is {show_moment(newest)} UTC" if newest else ""
    raise DataError(f"no rows in {where}{until}", next_step="--as-of latest, or other data.windows")


def _why_empty(window: Bounds, num_dropped: int) -> str:
    bounds = f"the {window.name} window {show_moment(window.start)} .. {show_moment(window.end)} UTC"
    if window.start == window.end:
        bounds = f"the {window.name} side of data.split"
    return f"{bounds} (data.drop took out all {num_dropped:,})" if num_dropped else bounds


def drop_rows(table: pa.Table, condition: pc.Expression | None) -> tuple[pa.Table, int]:
    """The rows for which the condition is not true (false or null), and the number taken out. None drops nothing."""
    if condition is None:
        return table, 0
    kept: Any = table.filter(~condition | condition.is_null())
    return kept, table.num_rows - kept.num_rows


def drop_marked(table: pa.Table) -> tuple[pa.Table, int]:
    """The rows that reading has not marked as dropped, without the column of marks, and the number taken out."""
    kept: Any = table.filter(~pc.field(DROPPED)).drop_columns([DROPPED])
    return kept, table.num_rows - kept.num_rows


def sample_rows(
    table: pa.Table, columns: Sequence[str], share: float, seed: int, *, as_it_stands: bool = False
) -> pa.Table:
    """About `share` of the rows, in the table's order, by a seeded hash of these columns and so independent of blocks.

    Args:
        as_it_stands: see `row_hashes`.
    """
    if share >= 1:
        return table
    hashes = row_hashes(table, columns, _APART + seed, as_it_stands=as_it_stands)
    kept: Any = table.filter(pa.array(hashes < np.uint64(share * 2.0**64)))
    return kept


def check_target(table: pa.Table, target: str, window: str = "train", *, part: bool = False) -> None:
    """Raises unless every row has a finite number to predict.

    Args:
        part: whether the table is only one block of the window.

    Raises:
        DataError: the column does not exist or is not of numbers, or targets are missing or infinite.
    """
    column = column_of(table, target)
    if not pa.types.is_null(column.type):
        _check_type(target, column.type)
    with np.errstate(over="ignore"):  # it is told below
        values = to_floats(column).astype(np.float32)
    part_of = f"a part of the {window} window" if part else f"the {window} window"
    num_null = int(np.isnan(values).sum())
    if num_null:
        raise DataError(
            f"target {target} is missing in {num_null:,} of {len(values):,} rows of {part_of}",
            next_step=f"data.drop: {in_condition(target_columns(target)[0])} is null",
        )
    num_infinite = int(np.isinf(values).sum())
    if num_infinite:
        name = in_condition(target_columns(target)[0])
        raise DataError(
            f"target {target} is infinite or beyond 3.4e38 in {count(num_infinite, 'row')} of {part_of}",
            next_step=f"correct the data, or data.drop: {name} > 1e37 or {name} < -1e37",
        )


def _check_type(target: str, kind: Any) -> None:
    try:
        Numeric.accepts(target, kind)
    except DataError:
        raise DataError(f"target {target} (data.target) is {kind}, expected a number") from None
