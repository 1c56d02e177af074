"""Buckets of equal relative width: a distribution as counts and sums that add up in any order.

As in DDSketch (Masson, Rim and Lee 2019, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", VLDB 12(12)), coarsened as in UDDSketch (Epicoco et al. 2020, IEEE Access 8) by joining neighbours. Each
bucket also keeps the sum of its values, and stands for their mean rather than for its middle.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raytemplate.evaluation.metrics.formula import Floats

Integers = NDArray[np.signedinteger[Any]]

BUCKET_WIDTH = 0.001
"""Natural logarithm of a bucket's upper end over its lower end, before any coarsening."""

_SMALLEST = 1e-12  # nearer to 0 than this counts as 0 when ordering


def bucket_of(value: Floats) -> Integers:
    """Signed bucket of each value, rising with it: 0 around 0, else 1 + how many widths above the smallest size."""
    size = np.abs(value)
    widths = np.log(np.maximum(size, _SMALLEST) / _SMALLEST) / BUCKET_WIDTH
    return np.where(size <= _SMALLEST, 0, np.sign(value) * (1 + np.floor(widths))).astype(np.int64)


def coarser(bucket: Integers, times: int) -> Integers:
    """The bucket after every 2^times neighbours became one, on each side of 0. Twice by 1 is the same as once by 2."""
    return np.sign(bucket) * -(-np.abs(bucket) // 2**times)


def relative_width(level: int) -> float:
    """The furthest two values of one bucket can be apart, relative to the smaller."""
    return math.expm1(BUCKET_WIDTH * 2**level)


def means(code: Integers, count: Integers, total: Floats) -> Floats:
    """Mean of each group, float64 [groups], from counts and sums of its cells; `code` is the cell's group from 0."""
    return np.bincount(code, weights=total) / np.bincount(code, weights=count)


def quantiles(code: Integers, count: Integers, total: Floats, quantile: float = 0.5) -> Floats:
    """A quantile of each group, by default the median, float64 [groups]; cells are sorted by group, then bucket.

    Between the two values around it in proportion (type 7 of Hyndman and Fan 1996, "Sample Quantiles in Statistical
    Packages", The American Statistician 50(4)), each taken as the mean of its bucket.
    """
    if len(code) == 0:
        return np.zeros(0)
    ends = np.cumsum(count)
    rows = np.bincount(code, weights=count).astype(np.int64)
    start = np.cumsum(rows) - rows
    value = total / count
    position = (rows - 1) * quantile
    below = np.floor(position).astype(np.int64)
    lower, upper = (np.searchsorted(ends, start + at, side="right") for at in (below, np.minimum(below + 1, rows - 1)))
    share = position - below
    return value[lower] * (1 - share) + value[upper] * share
