"""Missing numbers, as each family of models sees them.

Encoded rows are finite: a missing number is filled, and then looks like a real one. A mask beside the rows records
where. Trees get NaN there, which they treat as missing; every other family gets an extra column of 0 and 1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Dense = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """One feature with missing values in training."""

    column: str
    """The feature."""

    name: str
    """Name of the extra column that marks missing values."""

    places: tuple[int, ...]
    """Indices of its dense columns; a missing value fills all of them."""


def seen(dense: Dense, missing: npt.NDArray[np.bool_], gaps: tuple[Gap, ...], *, as_nan: bool) -> Dense:
    """Rows as a family sees them: float32 [rows, D] with NaN, or [rows, D + gaps] without. Returns `dense` itself if
    there are no gaps.

    Args:
        dense: float32 [rows, D], missing values filled.
        missing: bool [rows, gaps].
        as_nan: whether the family treats NaN as missing.
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
