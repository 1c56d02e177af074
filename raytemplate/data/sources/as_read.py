"""One way of taking values, whatever brings them: a file of any format, a folder's name, or a frame in memory.

Blanks around text do not count. Text that is empty then, or one of the words of `data.csv.missing`, is missing, and so
is a number that one of these words spells: -999 in a Parquet file as "-999" in a CSV file. Values
of another type than a column is known to have are read as a CSV file's would be, or refused; they never become another
value. A table that was taken so is left as it is when it is taken again.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute

from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.sources.text.typed import Unfit, times, typed, whole, without_missing
from raytemplate.data.statistics import plain
from raytemplate.errors import DataError

pc: Any = pyarrow.compute  # its functions are made at import, where a type checker cannot see them

_TYPES = {"number": pa.float64(), "boolean": pa.bool_()}
_EXPECTED = {"number": "a number", "integer": "a whole number", "boolean": "true or false"}
_LARGEST_INT = 2.0**63


def as_read(table: pa.Table, rules: Rules, types: Mapping[str, str] | None = None) -> pa.Table:
    """The rows with each value as training and scoring alike take it.

    Args:
        types: column -> "number", "integer", "text", "boolean" or "time", of those whose type is known; the others
            keep theirs.

    Raises:
        DataError: a value that cannot be read as its column's type; names column, row and value.
    """
    known = types or {}
    for place, name in enumerate(table.column_names):
        before: Any = table.column(place)
        column = trimmed(plain(before), rules.missing)
        column = _without_numbers(_of_type(name, column, known.get(name, ""), rules), rules)
        if column is not before:
            table = table.set_column(place, name, column)
    return table


def trimmed(column: Any, missing: tuple[str, ...]) -> Any:
    """Text [rows] without blanks around it, and null where nothing is left or it is one of `missing`."""
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.large_string())
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    words = pa.array(list(dict.fromkeys(("", *missing))), column.type)
    column = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(column, value_set=words), pa.scalar(None, column.type), column)


def _without_numbers(column: Any, rules: Rules) -> Any:
    """Numbers [rows], null where one of the words for missing values spells the number."""
    if not _is_number(column.type):
        return column
    spelt = [number for word in rules.missing if (number := _number(word, rules.decimal, column.type)) is not None]
    if not spelt:
        return column
    missing = pc.is_in(column, value_set=pa.array(spelt, column.type))
    return pc.if_else(missing, pa.scalar(None, column.type), column) if pc.any(missing).as_py() else column


def _number(word: str, decimal: str, kind: Any) -> Any:
    """The number that a word spells, as a scalar of an Arrow type; None where that has no such number."""
    try:
        number = Decimal(word.strip().replace(decimal, "."))
        return pa.scalar(number).cast(kind).as_py() if number.is_finite() else None
    except (InvalidOperation, pa.ArrowInvalid):
        return None


def word_of(kind: str) -> str:
    """An Arrow type, by its name in a schema, as a contract calls it; "" for what it has no word for."""
    if kind.startswith("dictionary<values="):
        return word_of(kind.removeprefix("dictionary<values=").partition(",")[0])
    words = {
        "integer": ("int", "uint"), "number": ("float", "double", "halffloat", "decimal"), "boolean": ("bool",),
        "text": ("string", "large_string"), "time": ("timestamp", "date32"),
    }  # fmt: skip
    if kind.startswith("decimal") and kind.endswith(", 0)"):
        return "integer"
    return next((word for word, starts in words.items() if kind.startswith(starts)), "")


def _of_type(name: str, column: Any, word: str, rules: Rules) -> Any:
    kind = column.type
    if not word or pa.types.is_null(kind) or word_of(str(kind)) == word:
        return column
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column if word == "text" else _parsed(name, column, word, rules)
    if word == "time":
        # Dates such as 20240131 are whole numbers for whoever does not know the column.
        return _parsed(name, _digits(column), word, rules) if _is_number(kind) else column
    if word == "text":
        return _digits(column) if _is_number(kind) else column
    if word == "number":
        return pc.cast(column, pa.float64(), safe=False) if _is_number(kind) or pa.types.is_boolean(kind) else column
    if word == "boolean":
        return _yes_or_no(name, column) if _is_number(kind) else column
    return _whole(name, column)


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _digits(column: Any) -> Any:
    """Numbers as text: whole ones without a fraction, although pandas makes floats of them where one is missing."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        if _all_whole(column):
            column = column.cast(pa.int64())
    return column.cast(pa.string())


def _all_whole(column: Any) -> bool:
    whole = pc.and_(pc.equal(column, pc.floor(column)), pc.less(pc.abs(column), _LARGEST_INT))
    return bool(pc.all(whole).as_py() is not False)


def _whole(name: str, column: Any) -> Any:
    """Whole numbers, from floats or decimals of which each is one, or from yes and no."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.int64())
    if not _is_number(kind):
        return column
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
    broken = pc.not_equal(column, pc.floor(column))
    if pa.types.is_floating(kind):
        broken = pc.or_(broken, pc.greater_equal(pc.abs(column), _LARGEST_INT))
    _refuse(name, column, broken, "a whole number")
    return column.cast(pa.int64() if pa.types.is_floating(kind) else pa.decimal128(38, 0))


def _yes_or_no(name: str, column: Any) -> Any:
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    numbers = column.cast(pa.float64(), safe=False)
    _refuse(name, column, pc.and_(pc.not_equal(numbers, 0.0), pc.not_equal(numbers, 1.0)), "true, false, 1 or 0")
    return numbers.cast(pa.bool_())


def _refuse(name: str, column: Any, broken: Any, expected: str) -> None:
    first = pc.index(broken, True).as_py()
    if first >= 0:
        raise DataError(f"column {name} is {column[first].as_py()} in row {first + 1:,}, expected {expected}")


def _parsed(name: str, column: Any, word: str, rules: Rules) -> Any:
    """Text [rows] as "number", "integer", "boolean" or "time", as in a CSV file."""
    texts = column.cast(pa.string())
    try:
        if word == "time":
            return times(without_missing(texts, rules), rules, zoned=None)
        return whole(texts, rules) if word == "integer" else typed(texts, _TYPES[word], rules)
    except Unfit as unfit:
        expected = _EXPECTED.get(word, unfit.expected)
        raise DataError(
            f'column {name} is "{unfit.value[:80]}" in row {unfit.row + 1:,}, expected {expected}'
        ) from unfit
