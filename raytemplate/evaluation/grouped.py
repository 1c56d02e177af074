"""Units of resampling defined by a column, such as the rows of one customer."""
# pyright: basic, reportAttributeAccessIssue=false
# (pyarrow carries no types)

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raytemplate.data.missing import is_missing
from raytemplate.data.split import row_hashes
from raytemplate.evaluation.metrics.formula import Groups


def unit_values(table: pa.Table, column: str) -> pa.Array:
    """The unit of each row of a batch, uint64 [rows]: the hash of its value; null if it has none."""
    missing = is_missing(table.column(column)).combine_chunks()
    return pa.array(row_hashes(table, (column,), 0), mask=missing.to_numpy(zero_copy_only=False))


def groups_of(units: pa.ChunkedArray) -> Groups:
    """The group of each row, int64 [rows] from 0 without gaps; each row without a unit is a group of its own."""
    missing = pc.is_null(units).to_numpy()
    found, known = np.unique(units.drop_null().to_numpy(), return_inverse=True)
    groups = np.empty(len(missing), np.int64)
    groups[~missing] = known
    groups[missing] = len(found) + np.arange(missing.sum())
    return groups
