"""A table that a person holds in memory, kept in the workspace by the digest of its bytes, so that a run can go on."""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from raytemplate.errors import DataError
from raytemplate.store.atomic import storage_errors, write_atomic
from raytemplate.store.workspace import Workspace

_ROWS_A_GROUP = 100_000


def keep_frame(data: object, workspace: Workspace) -> str:
    """The path of a Parquet file with the table; equal tables have one file.

    Args:
        data: an Arrow table, a pandas or polars frame, or anything that speaks Arrow's stream interface. The index of a
            pandas frame is not kept.

    Raises:
        DataError: something else, no rows, or columns that Parquet cannot hold.
    """
    table = _table(data)
    if not table.num_rows:
        raise DataError(f"data: the {type(data).__name__} has no rows")
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


def _table(data: Any) -> pa.Table:
    if isinstance(data, pa.Table):
        return data
    try:
        if type(data).__module__.split(".")[0] == "pandas":
            return pa.Table.from_pandas(data, preserve_index=False)
        if hasattr(data, "__arrow_c_stream__"):
            return pa.table(data)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError) as error:
        raise DataError(f"data: {str(error).splitlines()[0]}") from error
    raise DataError(f"data: got {type(data).__name__}, expected an Arrow table or a pandas or polars frame")
