"""In-memory tables: converted to Arrow, and kept in the workspace under the digest of their bytes."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from raytemplate.errors import DataError
from raytemplate.store.atomic import storage_errors, write_atomic
from raytemplate.store.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

_ROWS_A_GROUP = 100_000
_PLAIN = (str, bool, np.bool_, Real)
_LARGEST_INT = 2.0**63
_ERRORS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, ValueError, OverflowError)


def keep_frame(table: pa.Table, workspace: Workspace) -> str:
    """The path of a Parquet file with the table; equal tables share one file.

    Raises:
        DataError: columns that Parquet cannot hold.
    """
    sink: Any = pa.BufferOutputStream()
    try:
        pq.write_table(table, sink, row_group_size=_ROWS_A_GROUP, write_page_checksum=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"data: {str(error).splitlines()[0]}") from error
    content = sink.getvalue().to_pybytes()
    path = workspace.frames / f"{hashlib.sha256(content).hexdigest()[:32]}.parquet"
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_atomic(path, content)
    return str(path)


def table_of(data: Any, columns: tuple[str, ...] | None = None, masked: Collection[str] = ()) -> pa.Table:
    """An Arrow table from an Arrow table, a pandas or polars frame, or anything with Arrow's stream interface.

    Args:
        columns: the columns to keep, if they exist; None keeps all. The index of a pandas frame is dropped.
        masked: columns whose values no error may quote.

    Raises:
        DataError: `data` is something else, or a column holds objects that are not plain values.
    """
    if is_frame_of("pandas", data):
        return _of_pandas(data, columns, masked)
    if not isinstance(data, pa.Table) and not hasattr(data, "__arrow_c_stream__"):
        raise DataError(f"data: got {type(data).__name__}, expected an Arrow table or a pandas or polars frame")
    try:
        data = _narrowed(data) if is_frame_of("polars", data) else data
        table: Any = data if isinstance(data, pa.Table) else pa.table(data)
    except _ERRORS as error:
        why = type(error).__name__ if masked else str(error).splitlines()[0]  # Arrow's texts quote values
        raise DataError(f"data: {why}") from (None if masked else error)
    names = _once(table.column_names, columns)
    return table if columns is None else table.select(names)


def _once(names: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    """The names that are wanted, in the order of `wanted`; all names if it is None.

    Raises:
        DataError: one of them occurs twice.
    """
    there = Counter(names)
    found = list(there) if wanted is None else [name for name in wanted if name in there]
    if twice := [name for name in found if there[name] > 1]:
        raise DataError(f"data: more than one column named {', '.join(twice)}", next_step="rename all but one")
    return found


def is_frame_of(library: str, data: object) -> bool:
    """Whether a value is a frame of "pandas" or "polars", without importing either."""
    return type(data).__module__.split(".")[0] == library and type(data).__name__ == "DataFrame"


def with_keys(data: pd.DataFrame, keys: tuple[str, ...], found: Mapping[str, Any]) -> pd.DataFrame:
    """The key columns of a pandas frame, unchanged and on its index, with further columns added or in their place."""
    kept: Any = data[[column for key in keys for column in data.columns if str(column) == key]]
    kept = kept.rename(columns={column: str(column) for column in kept.columns if str(column) in found})
    return kept.assign(**{name: np.asarray(column) for name, column in found.items()})


def _narrowed(data: Any) -> Any:
    """A polars frame without 128-bit integers, which polars uses for long numbers and Arrow does not support."""
    wide = [name for name, kind in data.schema.items() if str(kind) in ("Int128", "UInt128")]
    if not wide:
        return data
    polars: Any = sys.modules["polars"]
    try:
        return data.with_columns(*(data[name].cast(polars.Decimal(38, 0)) for name in wide))
    except polars.exceptions.PolarsError as error:
        raise DataError(f"data: {', '.join(wide)}: whole numbers of more than 38 digits; make them text") from error


def _of_pandas(data: Any, columns: tuple[str, ...] | None, masked: Collection[str]) -> pa.Table:
    names = [str(name) for name in data.columns]  # pandas numbers columns that have no names
    indices = {name: index for index, name in enumerate(names)}
    kept = _once(names, columns)
    return pa.table({name: _column(name, data.iloc[:, indices[name]], name in masked) for name in kept})


def _column(name: str, values: Any, hides: bool) -> Any:
    """A pandas series as an Arrow array; objects of several types, as `read_csv` makes of a long file, become text."""
    try:
        found: Any = pa.Array.from_pandas(values)
        if isinstance(found.type, pa.BaseExtensionType):
            raise TypeError("there is no plain type for them")
        return found
    except _ERRORS as error:
        there = ~values.isna()
        other = next((value for value in values[there] if not isinstance(value, _PLAIN)), None)
        if values.dtype != object or other is not None:
            shown = f"values of type {type(other).__name__}" if hides else f"values such as {other!r}"
            kind = shown if values.dtype == object else str(values.dtype)
            why = "" if hides else f": {str(error).splitlines()[0]}"
            told = DataError(f"data: column {name} holds {kind}, expected plain values of one kind{why}")
            raise told from (None if hides else error)
        texts = [_text(value) if is_there else None for value, is_there in zip(values, there, strict=True)]
        return pa.array(texts, pa.string())


def _text(value: Any) -> str:
    """A value as a file would have it: pandas makes whole numbers floats if one of the column is missing."""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_INT
    return str(int(value) if is_whole else value)
