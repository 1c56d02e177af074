"""What a feature is made from: a column of the data, or several crossed into one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute

from raytemplate.data.statistics import plain
from raytemplate.errors import DataError
from raytemplate.plugins import suggest

pc: Any = pyarrow.compute  # its functions are made at import, where a type checker cannot see them

_BETWEEN, _MISSING = "|", r"\N"


class Made(Protocol):
    """A feature: its name, and the columns it is made from where that is not the one of its name."""

    @property
    def column(self) -> str: ...

    @property
    def inputs(self) -> tuple[str, ...]: ...


class Step(Made, Protocol):
    """One feature to fit: also the name of its kind and its settings. A plan's `FeatureStep` is one."""

    @property
    def kind(self) -> str: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...


def reads(feature: Made) -> tuple[str, ...]:
    """The columns of the data that a row needs to be encoded."""
    return feature.inputs or (feature.column,)


def input_of(table: pa.Table, feature: Made) -> pa.ChunkedArray:
    """The column [rows] that a feature is made of.

    Raises:
        DataError: a column is missing, or cannot be crossed.
    """
    columns = reads(feature)
    if len(columns) == 1:
        return column_of(table, columns[0])
    return _crossed({name: column_of(table, name) for name in columns})


def column_of(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column by name; dictionary codes are replaced by their values.

    Raises:
        DataError: there is none; the message names the nearest.
    """
    if name not in table.column_names:
        raise DataError(f"no column {name} in the data; {suggest(name, tuple(table.column_names))}")
    return plain(table.column(name))


def _crossed(columns: Mapping[str, pa.ChunkedArray]) -> pa.ChunkedArray:
    """Text such as "JFK|ATL"; null where all are missing. Different combinations never share a text."""
    texts = [_escaped(name, column) for name, column in columns.items()]
    joined = pc.binary_join_element_wise(*texts, _BETWEEN, null_handling="replace", null_replacement=_MISSING)
    return pc.if_else(pc.equal(joined, _BETWEEN.join([_MISSING] * len(texts))), None, joined)


def _escaped(name: str, column: Any) -> Any:
    types = pa.types
    tests = (types.is_string, types.is_large_string, types.is_string_view, types.is_integer, types.is_boolean)
    if not any(test(column.type) for test in (*tests, types.is_null)):
        raise DataError(f"column {name} is {column.type}, not text, a whole number or a boolean; it cannot be crossed")
    text = pc.replace_substring(column.cast(pa.string()), "\\", "\\\\")
    return pc.replace_substring(text, _BETWEEN, f"\\{_BETWEEN}")
