"""Missing values of numbers, as a family of models sees them.

Encoded rows are finite: a missing number is filled, and cannot be told from one that was there. Where it was missing
stands beside them. Trees get NaN there, which they take as missing; every other family gets a column of 0 and 1 more.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Dense = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """One feature with missing values in training: `places` are its dense columns, which are filled all at once.

    `name` is that of the column that says where it is missing.
    """

    column: str
    name: str
    places: tuple[int, ...]


def seen(dense: Dense, missing: npt.NDArray[np.bool_], gaps: tuple[Gap, ...], *, as_nan: bool) -> Dense:
    """Rows as a family sees them, float32 [rows, D] with NaN, or [rows, D + gaps] without; itself if there is no gap.

    Args:
        dense: float32 [rows, D], filled.
        missing: bool [rows, gaps].
        as_nan: whether the family takes NaN as missing.
    """
    if not gaps:
        return dense
    if not as_nan:
        return np.concatenate([dense, missing.astype(np.float32)], axis=1)
    found = dense.copy()
    for gap, rows in zip(gaps, missing.T, strict=True):
        for place in gap.places:
            found[rows, place] = np.nan
    return found
