"""One rule for reading values, whether they come from a file of any format, a folder's name or a frame in memory.

Blanks around text are ignored. Text that is then empty or one of the words of `data.csv.missing` is missing, and so is
a number that one of these words spells: -999 in a Parquet file counts as "-999" in a CSV file does. If a column is
known to have another type, its values are read as a CSV file's would be, or refused; they never turn into different
values. Applying the rule a second time changes nothing.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute

from raytemplate.data.condition_types import plain_type
from raytemplate.data.exact import to_float64, written
from raytemplate.data.sources.text.missing_words import is_number, trimmed, without_numbers
from raytemplate.data.sources.text.rules import NOT_SHOWN, Rules
from raytemplate.data.sources.text.typed import Unfit, times, typed, whole, without_missing
from raytemplate.data.statistics import plain
from raytemplate.errors import DataError

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

_TYPES = {"number": pa.float64(), "boolean": pa.bool_()}
_EXPECTED = {"number": "a number", "integer": "a whole number", "boolean": "true or false"}
_LARGEST_INT = 2.0**63


def as_read(
    table: pa.Table, rules: Rules, types: Mapping[str, str] | None = None, masked: Collection[str] = ()
) -> pa.Table:
    """The rows with every value as both training and scoring read it.

    Args:
        types: column -> "number", "integer", "text", "boolean" or "time", for columns whose type is known; the others
            keep the type they have.
        masked: columns whose values the error does not name.

    Raises:
        DataError: a value that cannot be read as its column's type; names column, row and value.
    """
    known = types or {}
    for index, name in enumerate(table.column_names):
        before: Any = table.column(index)
        column = _without_missing(plain(before), rules)
        try:
            found = _of_type(name, column, known.get(name, ""), rules)
        except _Unreadable as error:
            raise error.told(hides=name in masked) from None
        if found is not column:
            column = _without_missing(found, rules)
        if column is not before:
            table = table.set_column(index, name, column)
    return table


class _Unreadable(Exception):
    """A value that cannot be read as its column's type."""

    def __init__(self, name: str, value: str, row: int, expected: str) -> None:
        super().__init__(name)
        self._name, self._value, self._row, self._expected = name, value, row, expected

    def told(self, *, hides: bool) -> DataError:
        """The error for the user, with the value unless it hides it."""
        row = f"in row {self._row + 1:,}"
        found = f"has a value {row} that is {NOT_SHOWN}" if hides else f"is {self._value} {row}"
        return DataError(f"column {self._name} {found}, expected {self._expected}")


def _without_missing(column: Any, rules: Rules) -> Any:
    if is_number(column.type):
        return without_numbers(column, rules.missing, rules.decimal)
    return trimmed(column, ("", *rules.missing))


@cache
def word_of(kind: str) -> str:
    """The contract's word for an Arrow type, given by its name in a schema; "" if there is none."""
    kind = plain_type(kind)
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
        # A reader that does not know the column takes dates such as 20240131 for whole numbers.
        return _parsed(name, written(column), word, rules) if is_number(kind) else column
    if word == "text":
        return written(column) if is_number(kind) else column
    if word == "number":
        return to_float64(column) if is_number(kind) or pa.types.is_boolean(kind) else column
    if word == "boolean":
        return _yes_or_no(name, column) if is_number(kind) else column
    return _whole(name, column)


def _whole(name: str, column: Any) -> Any:
    """Whole numbers, from booleans or from floats or decimals that are all whole."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.int64())
    if not is_number(kind):
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
        raise _Unreadable(name, str(column[first].as_py()), first, expected)


def _parsed(name: str, column: Any, word: str, rules: Rules) -> Any:
    """Text [rows] as "number", "integer", "boolean" or "time", as in a CSV file."""
    texts = column.cast(pa.string())
    try:
        if word == "time":
            return times(without_missing(texts, rules), rules, zoned=None)
        return whole(texts, rules) if word == "integer" else typed(texts, _TYPES[word], rules)
    except Unfit as unfit:
        expected = _EXPECTED.get(word, unfit.expected)
        raise _Unreadable(name, f'"{unfit.value[:80]}"', unfit.row, expected) from None
