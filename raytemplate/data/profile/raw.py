"""The rows of a part of a file as a profile sees them: read by the template's rules, cut, dropped and masked."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pyarrow as pa

from raytemplate.data.conditions import parse_condition
from raytemplate.data.masking import Masker
from raytemplate.data.profile.stretches import Stretch
from raytemplate.data.raw_rows import quoting_nothing
from raytemplate.data.sources.as_read import as_read
from raytemplate.data.sources.reader import read_slices
from raytemplate.data.sources.source import SliceOrder
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import SIDES, Split, sides
from raytemplate.data.times import between
from raytemplate.data.windows import drop_rows


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
        for stretch, rows in _cut(order, stretches, rules, split):
            kept, num_dropped = _without_dropped(rows, drop)
            yield stretch, masker.masked(kept) if masker is not None else kept, num_dropped


def _cut(
    order: SliceOrder, stretches: Sequence[Stretch], rules: Rules, split: Split | None
) -> Iterator[tuple[Stretch, pa.Table]]:
    if split is not None:
        columns = tuple(dict.fromkeys((*order.columns, *split.columns)))
        table = read_slices(replace(order, columns=columns)).table
        read = as_read(table, rules)
        found = sides(read if split.is_as_read else table, split)
        rows: Any = read.select(list(order.columns))
        yield from ((one, rows.filter(pa.array(found == SIDES.index(one.side)))) for one in stretches)
        return
    rows = as_read(read_slices(order).table, rules)
    if not order.time:
        yield from ((one, rows) for one in stretches)
        return
    times = rows.column(order.time)
    yield from ((one, rows.filter(between(times, one.start, one.end))) for one in stretches)


def _without_dropped(rows: pa.Table, drop: str) -> tuple[pa.Table, int]:
    return drop_rows(rows, parse_condition(drop).expression(rows.schema)) if drop else (rows, 0)
