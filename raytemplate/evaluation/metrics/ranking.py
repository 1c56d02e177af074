"""The area under the ROC curve: how often a row of the class gets a higher probability than a row of another class.

Over all rows it is exact, by ranks; equal probabilities count one half (Mann and Whitney 1947, Annals of Mathematical
Statistics 18; Hanley and McNeil 1982, Radiology 143). A bootstrap needs sums that add up by group: counts by
probability of the rows of the class and of the others. These are exact up to `MAX_BINS` distinct probabilities. Beyond
that, neighbours share bins of equally many rows, and each draw is corrected by the difference between the exact and the
binned value over all rows. The remaining error is how much that difference varies between draws. The difference itself
is at most the sum over bins of (share of the class) * (share of others) / 2: 0.001 for 512 bins and equally many rows
of the class and of others, and far less in practice, since rows of one bin hardly differ
(tests/evaluation/test_class_metrics: draws of 20,000 rows within 0.0001 of exact ones).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from raytemplate.evaluation.metrics.formula import Drawn, Floats, Groups, cell_sums

MAX_BINS = 512
_FEWEST_BINS = 32
_WORK = 4 * MAX_BINS  # bins over all classes; with more than four classes each gets fewer


def auc(target: Floats, prediction: Floats, groups: Groups, counts: Floats) -> Drawn:
    """See `Metric.drawn`."""
    if prediction.ndim == 1:
        return one_against_rest(target == 1, prediction, groups, counts, MAX_BINS)
    num_classes = prediction.shape[1]
    most = int(np.clip(_WORK // num_classes, _FEWEST_BINS, MAX_BINS))
    each = [one_against_rest(target == c, prediction[:, c], groups, counts, most) for c in range(num_classes)]
    return Drawn(
        value=float(_mean_of_known(np.array([one.value for one in each]))),
        draws=_mean_of_known(np.stack([one.draws for one in each])),
    )


def _mean_of_known(values: Floats) -> Floats:
    """Mean over the first axis, ignoring NaN; NaN if all values are."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / known.sum(axis=0)


def one_against_rest(yes: NDArray[np.bool_], score: Floats, groups: Groups, counts: Floats, max_bins: int) -> Drawn:
    """The area for one class against all others; NaN if all or no rows are of the class.

    Args:
        yes: whether a row is of the class, bool [rows].
        score: its predicted probability, float64 [rows].
    """
    levels, level = np.unique(score, return_inverse=True)
    num_levels = len(levels)
    whole = _area(_histograms(yes, level, num_levels, np.zeros_like(groups), 1)[0])
    if not len(counts):
        return Drawn(value=float(whole), draws=np.zeros(0))
    cell = level if num_levels <= max_bins else _bins(level, num_levels, max_bins)
    sums = _histograms(yes, cell, min(num_levels, max_bins), groups, counts.shape[1])
    off = whole - _area(sums.sum(axis=0))
    draws = _area((counts @ sums.reshape(len(sums), -1)).reshape(len(counts), *sums.shape[1:]))
    return Drawn(value=float(whole), draws=np.clip(draws + off, 0.0, 1.0))


def _bins(level: NDArray[Any], num_levels: int, num_bins: int) -> NDArray[Any]:
    """Bins of about equally many rows; rows with the same level share a bin."""
    rows = np.bincount(level, minlength=num_levels)
    middle = np.cumsum(rows) - rows / 2
    return np.floor(middle * num_bins / len(level)).astype(np.int64)[level]


def _histograms(yes: NDArray[np.bool_], cell: NDArray[Any], num_cells: int, groups: Groups, num_groups: int) -> Floats:
    """Number of rows of the class and of others, by group and cell, float64 [groups, 2, cells]."""
    both = [cell_sums(groups[rows], num_groups, cell[rows], num_cells, None) for rows in (yes, ~yes)]
    return np.stack(both, axis=1)


def _area(histograms: Floats) -> Floats:
    """float64 [..., 2, cells], cells in rising order of the probability -> the area, float64 [...]."""
    ours, others = histograms[..., 0, :], histograms[..., 1, :]
    below = np.cumsum(others, axis=-1) - others / 2
    pairs = ours.sum(axis=-1) * others.sum(axis=-1)
    return np.where(pairs > 0, (ours * below).sum(axis=-1) / np.maximum(pairs, 1.0), np.nan)
