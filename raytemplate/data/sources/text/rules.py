"""How text files are written, and what their columns are: all that a reader on another machine must know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

TYPES: Mapping[str, Any] = {
    str(kind): kind
    for kind in (
        pa.bool_(),
        pa.int64(),
        pa.float64(),
        pa.string(),
        pa.date32(),
        pa.timestamp("us"),
        pa.timestamp("us", "UTC"),
        pa.decimal128(38, 0),
    )
}
"""Arrow types of columns of text files, by name."""

PROMISED = {"number": "double", "integer": "int64", "text": "string", "boolean": "bool"}
"""Type in a contract -> Arrow type. A "time" is found out, since its values say whether they have an offset."""

TIME = "time"
"""Says of a column, instead of an Arrow type, that it must hold times; of which type is found out."""

EXACT = "decimal128(38, 0)"
"""Type of whole numbers of which one is beyond 64 bits, such as account numbers: as floats they would be others."""

_WIDER: Mapping[frozenset[str], str] = {
    frozenset[str](("int64", "double")): "double",
    frozenset[str](("int64", EXACT)): EXACT,
    frozenset[str](("double", EXACT)): "double",
    frozenset[str](("date32[day]", "timestamp[us]")): "timestamp[us]",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How the files of a source are written; see `data.csv`. `separator` "" is to be found out."""

    separator: str = ""
    header: bool = True
    columns: tuple[str, ...] = ()
    decimal: str = "."
    missing: tuple[str, ...] = ("",)
    dates: tuple[str, ...] = ()
    true_values: tuple[str, ...] = ()
    false_values: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A source's rules with its columns in the order of the first file, and their Arrow types by name.

    `written` are the columns of text whose blanks are kept, since they are given back as they are written.
    """

    rules: Rules
    columns: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict[str, str])
    written: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What stands before the first record: names of the columns (none if records name them), bytes and lines."""

    columns: tuple[str, ...]
    num_bytes: int
    num_lines: int


class Misread(Exception):
    """A record that cannot be read: its number among those of the bytes (from 1, 0 unknown), and why.

    Args:
        no_time: it has a value that is no time, in a column of times.
    """

    def __init__(self, row: int, why: str, *, no_time: bool = False) -> None:
        super().__init__(row, why)
        self.row, self.why, self.no_time = row, why, no_time


class Unconverted(Misread):
    """One with a value that Arrow cannot convert to the type of its column."""


class TextFormat(Protocol):
    """One way of writing a record a line."""

    name: str
    endings: tuple[str, ...]

    def settle(self, rules: Rules, start: bytes) -> Rules:
        """The rules with what only the beginning of the first file tells."""
        ...

    def head(self, start: bytes, rules: Rules) -> Head:
        """What stands before the first record.

        Raises:
            Misread: it cannot be read.
        """
        ...

    def time_advice(self, rules: Rules) -> str:
        """What to do about a value that is no time."""
        ...

    def cut(self, block: bytes, rules: Rules, *, last: bool) -> int:
        """Bytes up to the end of the last whole record of a block that begins with one; 0 if none is whole.

        Raises:
            Misread: the file ends within a record.
        """
        ...

    def infer(self, content: bytes, head: Head, rules: Rules, fixed: Mapping[str, str]) -> pa.Table:
        """Whole records with the types they seem to have; columns without a value have Arrow's null type.

        Raises:
            Misread: a record cannot be read.
        """
        ...

    def decode(self, content: bytes, head: Head, reading: Reading, columns: tuple[str, ...]) -> pa.Table:
        """Whole records, these columns of them, with the types of the source.

        Raises:
            Misread: a record cannot be read, or a value is not of its column's type.
        """
        ...

    def settled_type(self, found: str, promised: str) -> str:
        """A column's type, of what was found in it and what was promised; "null" where there is no value."""
        ...

    def line_of(self, content: bytes, row: int, rules: Rules) -> int:
        """Lines before a record, by its number from 1."""
        ...


def wider(a: str, b: str) -> str | None:
    """The type that holds the values of both; None where only text does."""
    if a == b or b == "null":
        return a
    return b if a == "null" else _WIDER.get(frozenset((a, b)))
