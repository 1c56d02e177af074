"""Words for missing values, such as those of `data.csv.missing`: text equal to one, and numbers that one spells.

Numbers are compared exactly: -9223372036854775807 differs from its nearest float.
"""

import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

MISSING_WORDS: Mapping[str, tuple[str, ...]] = {
    "": ("",), "?": ("?",), "-": ("-",), "na": ("NA",), "n/a": ("N/A",), "nan": ("NaN", "nan"),
    "null": ("null", "NULL"), "none": ("None",), "#n/a": (), "n.a.": (), "nil": (), "--": (), ".": (), "missing": (),
    "unknown": (),
}  # fmt: skip
"""Words that may mean a missing value, in lower case -> the spellings that are missing by default, in columns of other
values than text. `init` looks for all of them, in any case."""

MISSING_OUTSIDE_TEXT = tuple(spelling for spellings in MISSING_WORDS.values() for spelling in spellings)
"""Spellings that are missing in columns of numbers, booleans and times, whatever `data.csv.missing` says."""

MISSING_IN_TEXT = frozenset(("?", "na", "n/a", "#n/a", "nan", "null"))
"""The `MISSING_WORDS` that `init` takes for missing in text, too; `none` and `unknown` may be values there."""

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,4})?", re.ASCII)
_INFINITE = re.compile(r"([-+]?)inf(inity)?", re.IGNORECASE)


def trimmed(column: Any, missing: Iterable[str]) -> Any:
    """Text [rows] without surrounding blanks, null where it then equals one of `missing`; other columns unchanged."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    column = pc.utf8_trim_whitespace(column)
    words = pa.array(list(dict.fromkeys(missing)), column.type)
    return pc.if_else(pc.is_in(column, value_set=words), pa.scalar(None, column.type), column)


def without_numbers(column: Any, missing: Iterable[str], decimal: str) -> Any:
    """Numbers [rows], null where one of `missing` spells the number; the same object if nothing changes.

    Args:
        decimal: the decimal separator.
    """
    if not is_number(column.type):
        return column
    spelt = [number for word in missing if (number := _number(word, decimal, column.type)) is not None]
    if not spelt:
        return column
    found = pc.is_in(column, value_set=pa.array(spelt, column.type))
    return pc.if_else(found, pa.scalar(None, column.type), column) if pc.any(found).as_py() else column


def is_number(kind: Any) -> bool:
    """Whether an Arrow type holds numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _number(word: str, decimal: str, kind: Any) -> Any:
    """The number that a word spells, as a value of an Arrow type; None if the type does not have that number."""
    word = word.strip().replace(decimal, ".")
    if pa.types.is_floating(kind) and (endless := _INFINITE.fullmatch(word)):
        return -math.inf if endless[1] == "-" else math.inf
    if not _NUMBER.fullmatch(word):
        return None
    if pa.types.is_floating(kind):
        return pa.scalar(float(word)).cast(kind).as_py()
    try:
        return pa.scalar(Decimal(word)).cast(kind).as_py()
    except pa.ArrowInvalid:
        return None
