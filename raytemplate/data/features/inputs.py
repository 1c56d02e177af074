"""The input of a feature: a column of the data, several columns crossed into one, or an own function's result."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute

from raytemplate.code.load import blamed_on, load_attribute
from raytemplate.data.features.kind import is_whole
from raytemplate.data.statistics import plain
from raytemplate.errors import DataError
from raytemplate.plugins import suggest

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

_BETWEEN, _MISSING = "|", r"\N"


class Made(Protocol):
    """A feature: its name, the columns it is made from (empty if just that of its name), and the own function."""

    @property
    def column(self) -> str: ...

    @property
    def inputs(self) -> tuple[str, ...]: ...

    @property
    def build(self) -> str: ...


class Step(Made, Protocol):
    """One feature to fit, with the name of its kind and its settings, such as a plan's `FeatureStep`."""

    @property
    def kind(self) -> str: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...


def reads(feature: Made) -> tuple[str, ...]:
    """The columns of the data that the feature needs."""
    return feature.inputs or (feature.column,)


def input_of(table: pa.Table, feature: Made) -> pa.ChunkedArray:
    """The column [rows] that a feature is made from.

    Raises:
        DataError: a column is missing, or cannot be crossed.
    """
    columns = made_of((feature,))
    if len(columns) == 1:
        return column_of(table, columns[0])
    return _crossed({name: column_of(table, name) for name in columns})


def made_of(features: Sequence[Made]) -> tuple[str, ...]:
    """The columns that features are made from, in a table to which `add_own` has been applied."""
    return tuple(name for f in features for name in ((own_name(f),) if f.build else reads(f)))


def own_name(feature: Made) -> str:
    """The name that `add_own` gives a column, which cannot clash with one of the data."""
    return f"{feature.build} {feature.column}"


def add_own(table: pa.Table, features: Sequence[Made], *, alone: bool = False) -> pa.Table:
    """The table with the columns [rows] that own functions make from it added; each function is called once.

    Args:
        alone: whether to call each function again with only the first row, which must give the same result.

    Raises:
        DataError: a function did not return what it promised.
        TrainingFailed: a function raised.
    """
    whole: Any = table
    for build, inputs in dict.fromkeys((f.build, reads(f)) for f in features if f.build):
        made = [f for f in features if (f.build, reads(f)) == (build, inputs)]
        given = pa.table({name: column_of(table, name) for name in inputs})
        names = [f.column for f in made]
        found = _called(build, given, names)
        if alone and table.num_rows > 1 and _first(_called(build, given.slice(0, 1), names)) != _first(found):
            raise DataError(
                f"{build}: the first row alone gives a different result than among {table.num_rows:,} rows",
                next_step="make each row of its result depend on that row only, or predictions will differ",
            )
        for feature in made:
            whole = whole.append_column(own_name(feature), found.column(feature.column))
    return whole


def _first(table: Any) -> str:
    """The first row as text, so that NaN equals NaN, and a null alone equals a null among numbers."""
    return str(table.slice(0, 1).to_pylist())


def _called(build: str, given: pa.Table, names: Sequence[str]) -> Any:
    if not given.num_rows:
        return pa.table({name: pa.nulls(0) for name in names})
    with blamed_on(build):
        returned: Any = load_attribute(build)(given)
    try:
        found: Any = pa.table(dict(returned) if isinstance(returned, Mapping) else returned)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError) as error:
        got = type(returned).__name__
        why = str(error).strip().split("\n", 1)[0][:200]
        raise DataError(
            f"{build} returned {got}, expected an Arrow table or a mapping of name to values: {why}"
        ) from error
    if found.num_rows != given.num_rows:
        raise DataError(f"{build} returned {found.num_rows:,} rows for {given.num_rows:,}")
    missing = [name for name in names if name not in found.column_names]
    if missing:
        raise DataError(f"{build} did not return {missing[0]}; {suggest(missing[0], tuple(found.column_names))}")
    return found.select(list(names))


def column_of(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column by name, its dictionary codes replaced by their values.

    Raises:
        DataError: there is no such column; the message suggests the nearest name.
    """
    index = table.schema.get_field_index(name)  # listing the names of thousands of columns is slow
    if index < 0:
        raise DataError(f"no column {name} in the data; {suggest(name, tuple(table.column_names))}")
    return plain(table.column(index))


def _crossed(columns: Mapping[str, pa.ChunkedArray]) -> pa.ChunkedArray:
    """Text such as "JFK|ATL"; null if all values are missing. Different combinations never give the same text."""
    texts = [_escaped(name, column) for name, column in columns.items()]
    joined = pc.binary_join_element_wise(*texts, _BETWEEN, null_handling="replace", null_replacement=_MISSING)
    return pc.if_else(pc.equal(joined, _BETWEEN.join([_MISSING] * len(texts))), None, joined)


def _escaped(name: str, column: Any) -> Any:
    types = pa.types
    tests = (types.is_string, types.is_large_string, types.is_string_view, is_whole, types.is_boolean)
    if not any(test(column.type) for test in (*tests, types.is_null)):
        raise DataError(f"column {name} is {column.type}, not text, a whole number or a boolean; it cannot be crossed")
    text = pc.replace_substring(column.cast(pa.string()), "\\", "\\\\")
    return pc.replace_substring(text, _BETWEEN, f"\\{_BETWEEN}")
