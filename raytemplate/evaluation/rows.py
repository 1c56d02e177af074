"""A digest of the rows on which models were judged, to tell whether two candidates were judged on the same rows."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from raytemplate.data.split import mixed
from raytemplate.evaluation.metrics.formula import Floats


def rows_digest(target: Floats, times: NDArray[np.datetime64], split: str = "") -> str:
    """16 hex digits that identify targets and times, whatever the order of the rows.

    Made from two sums over hashes of the rows, so that nothing needs to be sorted or kept.

    Args:
        target: float64 [rows].
        times: datetime64[us] [rows]; NaT for rows without a time.
        split: id of the split by row hash that the rows come from, which distinguishes rows without times.
    """
    of_target = mixed((target + 0.0).view(np.uint64))
    of_row = mixed(of_target ^ times.astype("datetime64[us]").astype(np.int64).view(np.uint64))
    sums = [int(of_row.sum()), int(mixed(of_row).sum())]
    return hashlib.sha256(f"{len(target)} {sums} {split}".encode()).hexdigest()[:16]
