"""Buckets of equal relative width: a distribution as counts and sums that can be added up in any order.

As in DDSketch (Masson, Rim and Lee 2019, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", VLDB 12(12)), coarsened by joining neighbours as in UDDSketch (Epicoco et al. 2020, IEEE Access 8). Each
bucket also keeps the sum of its values, and is represented by their mean rather than by its middle.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raytemplate.evaluation.metrics.formula import Floats

Integers = NDArray[np.signedinteger[Any]]

BUCKET_WIDTH = 0.001
"""Natural logarithm of the ratio of a bucket's ends, before any coarsening."""

_SMALLEST = 1e-12  # smaller sizes share the bucket of 0


def bucket_of(value: Floats) -> Integers:
    """Signed bucket of each value, rising with the value: 0 around 0, else 1 + the number of widths above the smallest
    size."""
    size = np.abs(value)
    widths = np.log(np.maximum(size, _SMALLEST) / _SMALLEST) / BUCKET_WIDTH
    return np.where(size <= _SMALLEST, 0, np.sign(value) * (1 + np.floor(widths))).astype(np.int64)


def coarser(bucket: Integers, times: int) -> Integers:
    """The bucket after joining each 2^times neighbours on either side of 0. Applying 1 twice equals applying 2 once."""
    return np.sign(bucket) * -(-np.abs(bucket) // 2**times)


def relative_width(level: int) -> float:
    """Greatest difference between two values of one bucket, relative to the smaller one."""
    return math.expm1(BUCKET_WIDTH * 2**level)


def means(code: Integers, count: Integers, total: Floats) -> Floats:
    """Mean of each group, float64 [groups], from the counts and sums of its cells; `code` is a cell's group, from 0."""
    return np.bincount(code, weights=total) / np.bincount(code, weights=count)


def quantiles(code: Integers, count: Integers, total: Floats, quantile: float = 0.5) -> Floats:
    """A quantile of each group, by default the median, float64 [groups]; cells must be sorted by group, then bucket.

    Interpolated between the two neighbouring values (type 7 of Hyndman and Fan 1996, "Sample Quantiles in Statistical
    Packages", The American Statistician 50(4)), each of which is taken as the mean of its bucket.
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
