"""What a missing value is: one rule for every format and every caller.

Missing are nulls, NaN in a column of floats, and text that is empty or all blanks. A word that a source declares to
mean a missing value (`data.csv.missing`) becomes a null when it is read. An infinite number is a value.
"""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute

from raytemplate.data.statistics import READ_AS, plain

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

_BLANK = r"\A[\s\v\x1c-\x1f\x{85}\p{Z}]*\z"
"""Text of only the characters that Arrow and Python trim. A regular expression, because Arrow's own test fails on text
that is not UTF-8."""


def is_missing(column: Any) -> Any:
    """True where a value is missing, false elsewhere. `column`: Arrow values [rows] of any type."""
    return _mask(plain(column))


def null_where_missing(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column [rows] without dictionary codes, null where a value is missing; the same object if nothing changes."""
    values = plain(column)
    if not _has_other_forms(values.type):
        return values
    missing = _mask(values)
    if pc.sum(missing).as_py() in (None, values.null_count):
        return values
    return pc.if_else(missing, pa.scalar(None, values.type), values)


def nulls_where_missing(table: pa.Table, names: Iterable[str]) -> pa.Table:
    """The table with `null_where_missing` applied to the named columns."""
    wanted = frozenset(names)
    before: list[Any] = table.columns
    after = [
        null_where_missing(column) if name in wanted else column
        for name, column in zip(table.column_names, before, strict=True)
    ]
    if all(new is old for new, old in zip(after, before, strict=True)):
        return table
    return pa.table(after, names=table.column_names)


def null_expression(value: Any, kind: Any) -> Any:
    """An expression for the column `value` of Arrow type `kind` that is null where the column's value is missing."""
    if pa.types.is_dictionary(kind):
        value, kind = value.cast(kind.value_type), kind.value_type
    if other := READ_AS.get(kind):
        value, kind = value.cast(other), other
    if not _has_other_forms(kind):
        return value
    return pc.if_else(_other_form(value, kind), pa.scalar(None, kind), value)


def _mask(values: Any) -> Any:
    if not _has_other_forms(values.type):
        return pc.is_null(values)
    return pc.fill_null(_other_form(values, values.type), True)


def _other_form(values: Any, kind: Any) -> Any:
    """True where a value is missing without being null; null where it is null."""
    if pa.types.is_floating(kind):
        return pc.is_nan(values)
    return pc.match_substring_regex(values, pattern=_BLANK)


def _has_other_forms(kind: Any) -> bool:
    types = pa.types
    return bool(types.is_floating(kind) or types.is_string(kind) or types.is_large_string(kind))
