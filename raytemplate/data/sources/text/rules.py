"""How text files are written and which columns they have: all that a reader on another machine must know."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from raytemplate.data.sources.text.leading_zeros import Digits

NOT_SHOWN = "not shown (data.mask)"
"""What errors tell instead of a masked value."""

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
"""Type in a contract -> Arrow type. "time" is not here: its Arrow type depends on whether the values have an offset."""

TIME = "time"
"""Used instead of an Arrow type for a column that must hold times, whose exact type is inferred."""

EXACT = "decimal128(38, 0)"
"""Type of whole numbers some of which exceed 64 bits, such as account numbers; floats would change them."""

_WIDER: Mapping[frozenset[str], str] = {
    frozenset[str](("int64", "double")): "double",
    frozenset[str](("int64", EXACT)): EXACT,
    frozenset[str](("double", EXACT)): "double",
    frozenset[str](("date32[day]", "timestamp[us]")): "timestamp[us]",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How the files of a source are written; see `CsvSpec`, whose fields these are."""

    separator: str = ""
    """Character between fields; "" until `TextFormat.settle` has found it."""

    header: bool = True
    """Whether the first record names the columns."""

    columns: tuple[str, ...] = ()
    """Names of the columns; empty to take those of the header."""

    decimal: str = "."
    """Decimal separator."""

    missing: tuple[str, ...] = ("",)
    """Texts that mean a missing value."""

    dates: tuple[str, ...] = ()
    """Formats of dates and times besides ISO 8601."""

    true_values: tuple[str, ...] = ()
    """Words for true besides `true`."""

    false_values: tuple[str, ...] = ()
    """Words for false besides `false`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """All that is needed to read any file of a source."""

    rules: Rules
    """How the files are written."""

    columns: tuple[str, ...] = ()
    """The columns, in the order of the first file."""

    types: Mapping[str, str] = field(default_factory=dict[str, str])
    """Column -> Arrow type as text."""

    written: tuple[str, ...] = ()
    """Columns that are returned as they are written; text in them keeps its blanks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What precedes the first record."""

    columns: tuple[str, ...]
    """Names of the columns; empty if every record names them."""

    num_bytes: int
    """Bytes before the first record."""

    num_lines: int
    """Lines before the first record."""


class Misread(Exception):
    """A record that cannot be read.

    Args:
        row: its number within the bytes that were read, from 1; 0 if unknown.
        why: why it cannot be read.
        no_time: whether the reason is a value that is not a time in a column of times.
        column: the column whose value `why` quotes; "" if it quotes none, None if it may quote any.
        expected: what was expected of that value.
    """

    def __init__(
        self, row: int, why: str, *, no_time: bool = False, column: str | None = None, expected: str = ""
    ) -> None:
        super().__init__(row, why)
        self.row, self.why, self.no_time, self.column, self.expected = row, why, no_time, column, expected

    def why_without(self, masked: Collection[str]) -> str:
        """`why` without a value of a masked column."""
        if not masked or self.column == "" or (self.column is not None and self.column not in masked):
            return self.why
        if self.column is None:
            return f"a record cannot be read; why is {NOT_SHOWN}"
        return f"column {self.column} has a value that is {NOT_SHOWN}, expected {self.expected}"


class Unconverted(Misread):
    """A record with a value that Arrow cannot convert to the type of its column."""


class TextFormat(Protocol):
    """A file format with one record a line."""

    name: str
    """Name of the format, as in `data.format`."""

    endings: tuple[str, ...]
    """Endings of its files, with the dot and in lower case."""

    def settle(self, rules: Rules, start: bytes) -> Rules:
        """The rules, completed by what only the beginning of the first file shows."""
        ...

    def head(self, start: bytes, rules: Rules) -> Head:
        """What precedes the first record.

        Raises:
            Misread: it cannot be read.
        """
        ...

    def time_advice(self, rules: Rules) -> str:
        """What to do about a value that is not a time."""
        ...

    def cut(self, block: bytes, rules: Rules, *, last: bool) -> int:
        """Number of bytes up to the end of the last whole record of a block that begins with one; 0 if none is whole.

        Raises:
            Misread: the file ends within a record.
        """
        ...

    def infer(self, content: bytes, head: Head, rules: Rules, fixed: Mapping[str, str]) -> pa.Table:
        """Whole records, with inferred types; columns without a value have Arrow's null type.

        Args:
            fixed: column -> type that is known beforehand and not inferred.

        Raises:
            Misread: a record cannot be read.
        """
        ...

    def digits(self, content: bytes, head: Head, rules: Rules, table: pa.Table) -> Mapping[str, Digits]:
        """Column of whole numbers -> how long they are as they are written; empty for a format without leading zeros.

        Args:
            table: the records, as `infer` has parsed them.
        """
        return {}

    def decode(self, content: bytes, head: Head, reading: Reading, columns: tuple[str, ...]) -> pa.Table:
        """The given columns of whole records, with the types of the source.

        Raises:
            Misread: a record cannot be read, or a value is not of its column's type.
        """
        ...

    def settled_type(self, found: str, promised: str) -> str:
        """A column's type, from the type found in it and the promised one; "null" if it has no value."""
        ...

    def line_of(self, content: bytes, row: int, rules: Rules) -> int:
        """Number of lines before record number `row`, counted from 1."""
        ...


def wider(a: str, b: str) -> str | None:
    """The type that can hold the values of both; None if only text can."""
    if a == b or b == "null":
        return a
    return b if a == "null" else _WIDER.get(frozenset((a, b)))
