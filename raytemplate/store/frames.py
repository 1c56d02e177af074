"""Tables that a person holds in memory: as Arrow tables, and kept in the workspace by the digest of their bytes."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
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


def keep_frame(table: pa.Table, workspace: Workspace) -> str:
    """The path of a Parquet file with the table; equal tables have one file.

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


def table_of(data: Any, columns: tuple[str, ...] | None = None) -> pa.Table:
    """An Arrow table of an Arrow table, a pandas or polars frame, or anything that speaks Arrow's stream interface.

    Args:
        columns: those that are wanted, where they are there; default: all. The index of a pandas frame is not kept.

    Raises:
        DataError: something else, or a column of objects that are no plain values.
    """
    try:
        if is_frame_of("pandas", data):
            return _of_pandas(data, columns)
        if isinstance(data, pa.Table) or hasattr(data, "__arrow_c_stream__"):
            if is_frame_of("polars", data):
                data = _narrowed(data)
            table: Any = data if isinstance(data, pa.Table) else pa.table(data)
            return table if columns is None else table.select([n for n in columns if n in table.column_names])
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError) as error:
        raise DataError(f"data: {str(error).splitlines()[0]}") from error
    raise DataError(f"data: got {type(data).__name__}, expected an Arrow table or a pandas or polars frame")


def is_frame_of(library: str, data: object) -> bool:
    """Whether a value is a frame of "pandas" or "polars", without importing either."""
    return type(data).__module__.split(".")[0] == library and type(data).__name__ == "DataFrame"


def with_keys(data: pd.DataFrame, keys: tuple[str, ...], found: Mapping[str, Any]) -> pd.DataFrame:
    """The keys of a pandas frame as they are in it, with columns beside them, on its index."""
    kept = data[[key for key in keys if key in data.columns]]
    return kept.assign(**{name: np.asarray(column) for name, column in found.items()})


def _narrowed(data: Any) -> Any:
    """A polars frame without integers of 128 bits, which polars makes of long numbers and Arrow does not know."""
    wide = [name for name, kind in data.schema.items() if str(kind) in ("Int128", "UInt128")]
    if not wide:
        return data
    polars: Any = sys.modules["polars"]
    try:
        return data.with_columns(*(data[name].cast(polars.Decimal(38, 0)) for name in wide))
    except polars.exceptions.PolarsError as error:
        raise DataError(f"data: {', '.join(wide)}: whole numbers of more than 38 digits; make them text") from error


def _of_pandas(data: Any, columns: tuple[str, ...] | None) -> pa.Table:
    names = list(data.columns) if columns is None else [name for name in columns if name in data.columns]
    return pa.table({str(name): _column(data[name]) for name in names})


def _column(values: Any) -> Any:
    """A pandas series; one of objects of several types, as `read_csv` makes them of a long file, is text."""
    try:
        return pa.Array.from_pandas(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        plain = (str, bool, int, float)
        there = [value for value in values if value is not None and value == value]
        if not all(isinstance(value, plain) for value in there):
            raise
        return pa.array([str(v) if v is not None and v == v else None for v in values], pa.string())
