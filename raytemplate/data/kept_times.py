"""Oldest and newest time of the rows that `data.drop` keeps: a time it drops, such as 9999-12-31, must not count.

Only tests of the time column alone are applied, such as `t >= '2100-01-01'`, single or joined by `or`. If one of them
drops the oldest or newest time of a row group, the rows counted by day show what is left. If days were not counted, as
in Parquet files, or the test cuts through a day, the times of that group are read.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from raytemplate.data.condition_types import type_problems
from raytemplate.data.conditions import Condition, parse_condition, parts_on
from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.data.sources.reader import read_slices
from raytemplate.data.sources.source import order_of
from raytemplate.data.times import time_range

_TICK = timedelta(microseconds=1)
_SCHEMA_TYPE = pa.timestamp("us", "UTC")


def without_dropped(source: SourceTable, drop: str, time: str) -> SourceTable:
    """The listing with the times of the rows that `drop` keeps; row counts stay as they are.

    Raises:
        As `read_slices`.
    """
    tests = _askable(parse_condition(drop), time) if drop and time else ()
    if not tests or time in source.partitions:
        return source
    files = tuple(
        replace(file, slices=tuple(_slice(one, file, source, tests, time) for one in file.slices))
        for file in source.files
    )
    return replace(source, files=files)


def _askable(drop: Condition, time: str) -> tuple[Condition, ...]:
    """Tests of the time column alone. A test that does not fit a time, such as `t > 20240101`, is left out here: it is
    refused, with its line, when the columns are compared with the template, after the sources were listed.
    """
    return tuple(test for test in parts_on(drop, time) if not type_problems(test.text, {time: str(_SCHEMA_TYPE)}))


def _slice(one: Slice, file: SourceFile, source: SourceTable, tests: Sequence[Condition], time: str) -> Slice:
    low, high = one.time_min, one.time_max
    if low is None or high is None or not any(_dropped((low, high), tests, time)):
        return one
    bins = one.bins
    ends = _dropped([moment for day in bins for moment in (day.start, day.end - _TICK)], tests, time)
    both = list(zip(ends[::2], ends[1::2], strict=True))
    if bins and all(first == last for first, last in both) and all(day.is_day for day in bins):
        kept = [day for day, (first, _) in zip(bins, both, strict=True) if not first]
        if not kept:
            return replace(one, time_min=None, time_max=None, num_rows=0, time_rows={})
        return replace(
            one,
            time_min=max(low, kept[0].start),
            time_max=min(high, kept[-1].end - _TICK),
            time_rows={day.name: day.num_rows for day in kept},
        )
    return _read(one, file, source, tests, time)


def _read(one: Slice, file: SourceFile, source: SourceTable, tests: Sequence[Condition], time: str) -> Slice:
    table = read_slices(order_of(source, file, [one], (time,))).table
    for test in tests:
        table = table.filter(~test.expression(table.schema))
    low, high = time_range(table.column(time))
    if low is None:
        return replace(one, time_min=None, time_max=None, num_rows=0, time_rows={})
    return replace(one, time_min=low, time_max=high, time_rows={})


def _dropped(moments: Sequence[datetime], tests: Sequence[Condition], time: str) -> list[bool]:
    table = pa.table({time: pa.array(list(moments), _SCHEMA_TYPE)}).append_column("row", pa.array(range(len(moments))))
    found: set[Any] = set()
    for test in tests:
        found |= set(table.filter(test.expression(table.schema)).column("row").to_pylist())
    return [row in found for row in range(len(moments))]
