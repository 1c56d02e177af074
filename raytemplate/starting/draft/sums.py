"""Columns that add up to the target, like the parts of a result: they are known only together with it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.missing import null_where_missing
from raytemplate.starting.draft.labels import Labels

pc: Any = pyarrow.compute

_MOST_COLUMNS, _MOST_PARTS, _MOST_ROWS, _LEAST_ROWS = 200, 10, 5_000, 40
_LEFT = 1e-3
"""Share of the target's standard deviation that rounding may leave unexplained."""


def parts_of_sum(columns: Sequence[str], labels: Labels) -> tuple[str, ...]:
    """The numeric columns whose weighted sum is the target in all rows; empty if there are none.

    The next part is the one that correlates best with what is left (orthogonal matching pursuit, Pati et al. 1993).
    """
    if labels.num_classes or not 1 < len(columns) <= _MOST_COLUMNS:
        return ()
    held = [_floats(labels.rows.column(name)) for name in columns]
    x, y = np.column_stack(held)[:_MOST_ROWS], labels.values[:_MOST_ROWS]
    rows = np.isfinite(x).all(axis=1) & np.isfinite(y)
    x, y = x[rows], y[rows]
    if len(y) < max(_LEAST_ROWS, len(labels.values[:_MOST_ROWS]) // 2) or not y.std() > 0:
        return ()
    moves = x.std(axis=0) > 0
    names, x, y = [n for n, m in zip(columns, moves, strict=True) if m], _scaled(x[:, moves]), _scaled(y[:, None])[:, 0]
    chosen: list[int] = []
    left = y
    while len(chosen) < min(_MOST_PARTS, len(names), len(y) // 5):
        chosen.append(int(np.abs(x.T @ left).argmax()))
        left = _left(x[:, chosen], y)
        if left.std() < _LEFT:
            needed = [c for c in chosen if _left(x[:, [d for d in chosen if d != c]], y).std() >= _LEFT]
            return tuple(names[c] for c in needed)
    return ()


def _left(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return y - x @ np.linalg.lstsq(x, y, rcond=None)[0]


def _scaled(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return (x - x.mean(axis=0)) / x.std(axis=0)


def _floats(column: Any) -> NDArray[np.float64]:
    values = null_where_missing(column).cast(pa.float64(), safe=False)
    return pc.fill_null(values, np.nan).to_numpy(zero_copy_only=False)
