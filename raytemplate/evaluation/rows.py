"""Which rows models were judged on: the same for every candidate that is judged on the very same rows."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from raytemplate.data.split import mixed
from raytemplate.evaluation.metrics.formula import Floats


def rows_digest(target: Floats, times: NDArray[np.datetime64], split: str = "") -> str:
    """16 hex digits over what was to be predicted and when, whatever the order of the rows.

    Two sums over hashes of the rows, so that none has to be sorted or kept.

    Args:
        target: float64 [rows].
        times: datetime64[us] [rows]; NaT where rows have no time.
        split: the id of the split by row hash that they come from, which tells rows without times apart.
    """
    of_target = mixed((target + 0.0).view(np.uint64))
    of_row = mixed(of_target ^ times.astype("datetime64[us]").astype(np.int64).view(np.uint64))
    sums = [int(of_row.sum()), int(mixed(of_row).sum())]
    return hashlib.sha256(f"{len(target)} {sums} {split}".encode()).hexdigest()[:16]
