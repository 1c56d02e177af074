"""The rows of a part of a file as a profile sees them: read by the template's rules, cut, dropped and masked."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.masking import Masker
from raytemplate.data.profile.stretches import Stretch
from raytemplate.data.raw_rows import matched, quoting_nothing
from raytemplate.data.sources.as_read import as_read
from raytemplate.data.sources.reader import read_slices
from raytemplate.data.sources.source import SliceOrder
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import SIDES, Split, sides
from raytemplate.data.times import between

pc: Any = pyarrow.compute

Bools = NDArray[np.bool_]


def read_raw(
    order: SliceOrder,
    stretches: Sequence[Stretch],
    rules: Rules,
    drop: str,
    masker: Masker | None,
    split: Split | None,
) -> Iterator[tuple[Stretch, pa.Table, int]]:
    """(stretch, its rows, rows that `drop` took out of it), for each stretch.

    Raises:
        DataError, IntegrityError: the file cannot be read, or has changed; a column cannot be masked.
    """
    with quoting_nothing(order.path) if masker else nullcontext():
        rows, within = _read(order, stretches, rules, split)
        dropped = matched(rows, drop) if drop else np.zeros(rows.num_rows, bool)
        for stretch in stretches:
            inside = within(stretch)
            wanted = inside & ~dropped
            kept: Any = rows if wanted.all() else rows.filter(pa.array(wanted))
            num_dropped = int(np.count_nonzero(inside & dropped))
            yield stretch, masker.masked(kept) if masker is not None else kept, num_dropped


def _read(
    order: SliceOrder, stretches: Sequence[Stretch], rules: Rules, split: Split | None
) -> tuple[pa.Table, Callable[[Stretch], Bools]]:
    """All rows, and which of them are in a stretch, bool [rows]."""
    if split is not None:
        columns = tuple(dict.fromkeys((*order.columns, *split.columns)))
        table = read_slices(replace(order, columns=columns)).table
        read = as_read(table, rules)
        found = sides(read if split.is_as_read else table, split)
        rows: Any = read.select(list(order.columns))
        return rows, lambda one: found == SIDES.index(one.side)
    rows = as_read(read_slices(order).table, rules)
    if not order.time:
        return rows, lambda _: np.ones(rows.num_rows, bool)
    times = rows.column(order.time)
    return rows, lambda one: pc.fill_null(between(times, one.start, one.end), False).to_numpy()
