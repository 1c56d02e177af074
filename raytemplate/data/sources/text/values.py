"""Converts values of text files to the types that the rest of raytemplate uses: times in microseconds, trimmed text,
nulls."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from raytemplate.data.sources.text.date_formats import FIRST_US, LAST_US, is_all_digits
from raytemplate.data.sources.text.missing_words import trimmed, without_numbers
from raytemplate.data.sources.text.rules import TIME, TYPES, Misread, Rules
from raytemplate.data.sources.text.typed import (
    Unfit,
    expected_time,
    first_value,
    is_number_text,
    is_time_text,
    times,
    typed,
    whole,
    without_missing,
)
from raytemplate.data.times import is_time

pc: Any = pyarrow.compute

_US_PER_DAY = 86_400 * 10**6
_US = {"s": 10**6, "ms": 1000, "us": 1}
PLAIN_INTEGER = r"^(0|-?[1-9][0-9]{0,17})$"
"""A whole number that is written exactly as it would be printed, and fits an int64."""


def plain_types(table: pa.Table, rules: Rules, fixed: Mapping[str, str], *, quoted: bool = False) -> pa.Table:
    """Converts a table that Arrow inferred to our types: times in microseconds, times of day and raw bytes as text.

    Columns of text are examined again: they may hold times in a format of the rules, or numbers among words with
    blanks.

    Args:
        fixed: column -> type that is known beforehand; `TIME` for times.
        quoted: whether the format tells text from numbers by quotes; text is then never a number.

    Raises:
        Misread: a column that must hold times has a value that is not a time.
    """
    for index, field in enumerate(table.schema):
        kind: Any = field.type
        column: Any = table.column(index)
        if pa.types.is_timestamp(kind):
            column = column.cast(pa.timestamp("us", kind.tz), safe=False)
        elif pa.types.is_time(kind) or pa.types.is_binary(kind):
            column = column.cast(pa.string())
        elif pa.types.is_string(kind):
            column = _found_out(column, field.name, rules, fixed.get(field.name, ""), quoted)
        table = table.set_column(index, field.name, column)
    return table


def dates_as_text(table: pa.Table, rules: Rules, fixed: Mapping[str, str]) -> pa.Table:
    """Converts whole numbers to text in columns that must hold times (`fixed`), if a date may look like 20240131."""
    for index, field in enumerate(table.schema):
        if fixed.get(field.name) == TIME and pa.types.is_integer(field.type) and any(map(is_all_digits, rules.dates)):
            column: Any = table.column(index)
            table = table.set_column(index, field.name, column.cast(pa.string()))
    return table


def _found_out(column: Any, name: str, rules: Rules, kind: str, quoted: bool) -> Any:
    if kind and kind != TIME:
        return column
    first = first_value(column, rules)
    if first is None:
        return pa.nulls(len(column))
    try:
        if kind == TIME or is_time_text(first, rules):
            return times(without_missing(column, rules), rules, zoned=None)
        return _numbers(column, rules) if is_number_text(first) and not quoted else column
    except Unfit as unfit:
        if kind == TIME:
            raise misread(name, unfit, rules) from unfit
        return column


def _numbers(column: Any, rules: Rules) -> Any:
    try:
        return whole(column, rules)
    except Unfit:
        return typed(column, pa.float64(), rules)


def exact(table: pa.Table, read: Callable[[str], Any], rules: Rules) -> pa.Table:
    """An inferred table with exact whole numbers where floats would round them.

    Arrow infers floats if one of the numbers exceeds 64 bits or has a plus sign, or another is written such as 3.0.

    Args:
        read: column name -> the column as text, or as `EXACT`.
    """
    for index, field in enumerate(table.schema):
        if pa.types.is_floating(field.type) and _may_be_rounded(table.column(index)):
            with suppress(Unfit, Misread):
                table = table.set_column(index, field.name, whole(read(field.name), rules))
    return table


def _may_be_rounded(column: Any) -> bool:
    """Whether every number is whole, and one is so large that floats skip whole numbers."""
    found = pc.all(pc.equal(column, pc.floor(column))).as_py()
    return bool(found) and float(pc.max(pc.abs(column)).as_py()) >= 2.0**53


def misread(name: str, unfit: Unfit, rules: Rules) -> Misread:
    """The `Misread` for a value that a column cannot hold."""
    why = f'column {name} is "{unfit.value[:80]}", expected {unfit.expected}'
    no_time = unfit.expected == expected_time(rules)
    return Misread(unfit.row + 1, why, no_time=no_time, column=name, expected=unfit.expected)


def doubtful(table: pa.Table, content: bytes, fixed: Mapping[str, str]) -> tuple[str, ...]:
    """Columns that Arrow may have read differently from how they are written.

    They hold whole numbers while something hexadecimal is in the file, numbers that overflowed to infinity, times that
    cannot be stored, or no times although times were expected (`fixed`).
    """
    hexadecimal = _has_hexadecimal(content)
    return tuple(
        field.name
        for index, field in enumerate(table.schema)
        if (pa.types.is_integer(field.type) and hexadecimal)
        or (pa.types.is_floating(field.type) and _has_infinite(table.column(index)))
        or (is_time(field.type) and _cannot_be_kept(table.column(index)))
        or (fixed.get(field.name) == TIME and not _may_be_time(field.type))
    )


def _has_hexadecimal(content: bytes) -> bool:
    """Whether 0x occurs anywhere. Searching for the x is faster than for both bytes, which would stop at every zero."""
    if b"x" not in content and b"X" not in content:
        return False
    found = np.frombuffer(content, np.uint8)
    after = np.flatnonzero((found | 0x20) == ord("x"))
    return bool((found[after[after > 0] - 1] == ord("0")).any())


def _has_infinite(column: Any) -> bool:
    return any(value is not None and math.isinf(value) for value in pc.min_max(column).as_py().values())


def _may_be_time(kind: Any) -> bool:
    return bool(is_time(kind) or pa.types.is_string(kind) or pa.types.is_null(kind))


def _cannot_be_kept(column: Any) -> bool:
    """Whether a time is outside the years 1 to 9999, or finer than microseconds."""
    kind = column.type
    ticks = column.cast(pa.int32() if pa.types.is_date32(kind) else pa.int64())
    if not pa.types.is_date32(kind) and kind.unit == "ns":
        return not bool(pc.all(pc.equal(pc.multiply(pc.divide(ticks, 1000), 1000), ticks)).as_py())
    unit = _US_PER_DAY if pa.types.is_date32(kind) else _US[kind.unit]
    low, high = pc.min_max(ticks).as_py().values()
    return low is not None and (low * unit < FIRST_US or high * unit > LAST_US)


def as_written(column: Any, *, quoted: bool) -> str:
    """The name of the type that returns each value as it is written: text, unless another type loses nothing.

    Args:
        quoted: whether the format tells text from numbers by quotes; text is then never a number.
    """
    if pa.types.is_temporal(column.type) or (quoted and pa.types.is_string(column.type)):
        return "string"
    if not pa.types.is_string(column.type):
        return str(column.type)
    there = column.filter(pc.not_equal(column, ""))
    if not len(there):
        return "null"
    return "int64" if pc.all(pc.match_substring_regex(there, PLAIN_INTEGER)).as_py() else "string"


def null_where(table: pa.Table, rules: Rules, written: tuple[str, ...] = ()) -> pa.Table:
    """The table with text trimmed, and with nulls for the words for missing values and for numbers that one of them
    spells.

    Columns of `written` are null only where they are empty.
    """
    for index, field in enumerate(table.schema):
        column: Any = table.column(index)
        if field.name not in written:
            column = without_numbers(trimmed(column, rules.missing), rules.missing, rules.decimal)
        elif pa.types.is_string(field.type):
            column = pc.if_else(pc.equal(column, ""), None, column)
        table = table.set_column(index, field.name, column)
    return table


def by_hand(
    table: pa.Table, names: tuple[str, ...], types: Mapping[str, Any], rules: Rules, *, wider: bool = False
) -> pa.Table:
    """The table with the named columns, which were read as text, converted to their types if those are known.

    Args:
        wider: whether whole numbers may be too large for an int64.

    Raises:
        Misread: a value does not fit its column's type.
    """
    for name in names:
        if name not in types:
            continue
        index = table.schema.get_field_index(name)
        try:
            read = whole if types[name] == pa.int64() and wider else partial(typed, kind=types[name])
            table = table.set_column(index, name, read(table.column(index), rules=rules))
        except Unfit as unfit:
            raise misread(name, unfit, rules) from unfit
    return table


def with_texts(types: Mapping[str, Any], texts: tuple[str, ...]) -> dict[str, Any]:
    """The types, with text for the columns that are to be read as text."""
    return {**types, **dict.fromkeys(texts, pa.string())}


def are_texts(table: pa.Table, texts: tuple[str, ...]) -> bool:
    """Whether these columns were read as text."""
    return all(pa.types.is_string(table.schema.field(name).type) for name in texts)


def promised(fixed: Mapping[str, str], names: tuple[str, ...]) -> dict[str, Any]:
    """Column -> Arrow type, for columns whose type is known beforehand."""
    return {name: TYPES[kind] for name, kind in fixed.items() if kind != TIME and name in names}
