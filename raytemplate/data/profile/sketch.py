"""What is kept of a column with too many values to count them all: a fixed number of hashes, bins and moments.

Distinct values are estimated from their smallest hashes (Bar-Yossef et al., Counting Distinct Elements in a Data
Stream, 2002; the unbiased form is Beyer et al., 2007): with 32,768 of them the standard error is 0.55 %. Quantiles come
from the bins of `data.quantiles`.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from raytemplate.data.exact import to_float64
from raytemplate.data.profile.counts import Counts
from raytemplate.data.quantiles import QuantileProfile, counted_quantiles, merge_quantiles
from raytemplate.data.split import row_hashes

NUM_HASHES = 32_768
"""Smallest hashes of values that are kept."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Moments:
    """Mean and spread of finite numbers."""

    num: int
    """Numbers."""

    mean: float
    """Their mean; 0 if there are none."""

    m2: float
    """Sum of their squared deviations from the mean."""

    @property
    def deviation(self) -> float:
        """Standard deviation (population)."""
        return math.sqrt(self.m2 / self.num) if self.num else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sketch:
    """All values of a column, in bounded memory."""

    hashes: Any
    """The smallest hashes of its values, rising; Arrow array of up to `NUM_HASHES` uint64."""

    moments: Moments | None = None
    """Of numbers; else None."""

    bins: QuantileProfile | None = None
    """Numbers by bins; else None."""

    undercount: int = 0
    """By how much the counts of the most frequent values may be too low."""

    @property
    def num_distinct(self) -> int:
        """Distinct values, estimated."""
        if len(self.hashes) < NUM_HASHES:
            return len(self.hashes)
        return round((len(self.hashes) - 1) / ((self.hashes[-1].as_py() + 1) / 2.0**64))


def sketch_of(counts: Counts) -> Sketch:
    """The sketch of counted values."""
    hashes = _smallest([_hashes(counts.values)])
    if not _are_numbers(counts.values):
        return Sketch(hashes=hashes)
    numbers = floats_of(counts.values)
    return Sketch(
        hashes=hashes,
        moments=moments_of(*finite(numbers, counts.weights)),
        bins=counted_quantiles(numbers, counts.weights),
    )


def merge_sketches(parts: Sequence[Sketch], lost: int) -> Sketch:
    """The sketch of all parts.

    Args:
        lost: by how much their most frequent values were undercounted when they were put together.
    """
    moments = [part.moments for part in parts if part.moments]
    bins = [part.bins for part in parts if part.bins]
    return Sketch(
        hashes=_smallest([part.hashes.to_numpy() for part in parts]),
        moments=reduce(_merged, moments) if moments else None,
        bins=reduce(merge_quantiles, bins) if bins else None,
        undercount=lost + sum(part.undercount for part in parts),
    )


def finite(numbers: Floats, rows: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """Rising numbers without NaN, and the rows of each, without those that are infinite."""
    inside = slice(np.searchsorted(numbers, -np.inf, side="right"), np.searchsorted(numbers, np.inf, side="left"))
    return numbers[inside], rows[inside]


def moments_of(numbers: Floats, rows: NDArray[np.int64]) -> Moments:
    """The moments of finite numbers, and the rows of each."""
    num = int(rows.sum())
    if not num:
        return Moments(num=0, mean=0.0, m2=0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float((numbers * (rows / num)).sum())
        return Moments(num=num, mean=mean, m2=float((np.square(numbers - mean) * rows).sum()))


def floats_of(values: Any) -> Floats:
    """Numbers, decimals included, as float64."""
    floats = values if pa.types.is_float64(values.type) else to_float64(values)
    return floats.to_numpy(zero_copy_only=False)


def _hashes(values: Any) -> NDArray[np.uint64]:
    if not pa.types.is_large_string(values.type):
        return row_hashes(pa.table({"": values}), [""], 0)
    digests = [hashlib.blake2b(text, digest_size=8).digest() for text in values.cast(pa.large_binary()).to_pylist()]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def _are_numbers(values: Any) -> bool:
    kind = values.type
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _smallest(hashes: Sequence[NDArray[np.uint64]]) -> Any:
    """The smallest hashes of several lists, in each of which all differ."""
    few = [np.partition(one, NUM_HASHES)[:NUM_HASHES] if len(one) > NUM_HASHES else one for one in hashes]
    found = np.sort(np.concatenate(few))
    return pa.array(found[np.append(True, found[1:] != found[:-1])][:NUM_HASHES])


def _merged(a: Moments, b: Moments) -> Moments:
    """By the pairwise update of Chan, Golub and LeVeque (1979), equations 2.1."""
    num = a.num + b.num
    share, step = (b.num / num if num else 0.0), b.mean - a.mean
    return Moments(num=num, mean=a.mean + step * share, m2=a.m2 + b.m2 + step * step * a.num * share)
