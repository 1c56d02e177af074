"""Values of text files as the rest of raytemplate knows them: times in microseconds, trimmed text, nulls."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute

_TIME = re.compile(r"^\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d")


def plain_types(table: pa.Table) -> pa.Table:
    """A table as Arrow inferred it, with our types: times in microseconds, times of day and raw bytes as text."""
    for index, field in enumerate(table.schema):
        kind: Any = field.type
        column = table.column(index)
        if pa.types.is_timestamp(kind):
            column = column.cast(pa.timestamp("us", kind.tz), safe=False)
        elif pa.types.is_time(kind) or pa.types.is_binary(kind):
            column = column.cast(pa.string())
        elif pa.types.is_string(kind):
            column = _as_time(column)
        table = table.set_column(index, field.name, column)
    return table


def _as_time(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times with an offset and a fraction, which Arrow's CSV reader takes for text."""
    first = next((value for chunk in column.chunks for value in chunk.slice(0, 1).to_pylist() if value), "")
    if not _TIME.match(first):
        return column
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("us")):
        try:
            return pc.replace_with_mask(column, pc.equal(column, ""), pa.scalar(None, pa.string())).cast(kind)
        except pa.ArrowInvalid:
            continue
    return column


def null_where(table: pa.Table, missing: tuple[str, ...]) -> pa.Table:
    """Text without blanks around it, and null where it is one of `missing`."""
    words = pa.array(list(missing), pa.string())
    for index, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            column = pc.utf8_trim_whitespace(table.column(index))
            column = pc.if_else(pc.is_in(column, value_set=words), pa.scalar(None, pa.string()), column)
            table = table.set_column(index, field.name, column)
    return table
