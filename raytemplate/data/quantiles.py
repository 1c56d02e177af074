"""The distribution of a column of numbers, in bounded memory and identical to the bit whatever the blocks and their
order.

A number is counted under a key made of the leading bits of its float64; keys sort as the numbers do. Counts are exact
up to 4,096 distinct keys. Past that all keys drop as many trailing bits as needed. How many depends only on the set of
numbers, so merging is associative and order-free to the bit (docs/decisions/0025-quantiles.md).
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from raytemplate.data.statistics import merged_type, to_floats

MAX_BINS = 4096
"""Most distinct keys that are counted. Enough for every float64 exponent, so that a key never loses its exponent."""

_SIGN = np.uint64(1 << 63)
Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantileProfile:
    """A column of numbers by bins."""

    type: str
    """Family of the column's Arrow type, such as "number"."""

    num_rows: int
    """All rows."""

    num_null: int
    """Rows without a value; NaN counts as null."""

    num_nonfinite: int
    """Rows with an infinite number; no bin counts them."""

    shift: int
    """Trailing bits dropped from every key."""

    bins: tuple[int, ...]
    """Sorted keys without their last `shift` bits."""

    counts: tuple[int, ...]
    """Rows in each bin."""

    def lowest(self) -> Floats:
        """The lowest number that each bin can hold, rising; float64 [bins]."""
        return _values(np.array(self.bins, np.uint64) << np.uint64(self.shift))

    def middles(self) -> Floats:
        """The middle of each bin, rising; float64 [bins]."""
        highest = (np.array(self.bins, np.uint64) << np.uint64(self.shift)) | np.uint64((1 << self.shift) - 1)
        return self.lowest() / 2 + _values(highest) / 2

    def rows(self) -> Floats:
        """Rows in each bin; float64 [bins]."""
        return np.array(self.counts, np.float64)


def quantile_profile(column: pa.ChunkedArray, family: str) -> QuantileProfile:
    """The profile of numbers [rows]."""
    values = to_floats(column)
    finite = values[np.isfinite(values)]
    keys, counts = np.unique(_keys(finite), return_counts=True)
    num_null = int(np.isnan(values).sum())
    return _bounded(
        keys,
        counts,
        0,
        type=family,
        num_rows=values.size,
        num_null=num_null,
        num_nonfinite=values.size - num_null - finite.size,
    )


def counted_quantiles(values: Floats, rows: npt.NDArray[np.int64]) -> QuantileProfile:
    """The profile of rising numbers without NaN [values], each of which so many rows have; the same as of the rows."""
    finite = np.isfinite(values)
    keys, counts = _runs(_keys(values[finite]), rows[finite])
    num_rows, num_finite = int(rows.sum()), int(counts.sum())
    facts = {"type": "number", "num_rows": num_rows, "num_null": 0, "num_nonfinite": num_rows - num_finite}
    return _bounded(keys, counts, 0, **facts)


def merge_quantiles(a: QuantileProfile, b: QuantileProfile) -> QuantileProfile:
    """The profile of both parts; identical to that of counting them together."""
    shift = max(a.shift, b.shift)
    parts = [(np.array(p.bins, np.uint64) >> np.uint64(shift - p.shift), np.array(p.counts, np.int64)) for p in (a, b)]
    keys, counts = _summed(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))
    return _bounded(
        keys,
        counts,
        shift,
        type=merged_type(a.type, b.type),
        num_rows=a.num_rows + b.num_rows,
        num_null=a.num_null + b.num_null,
        num_nonfinite=a.num_nonfinite + b.num_nonfinite,
    )


def _bounded(keys: Keys, counts: npt.NDArray[np.int64], shift: int, **facts: Any) -> QuantileProfile:
    """The profile with its sorted, distinct keys shortened no more than `MAX_BINS` requires."""
    differ = keys[1:] ^ keys[:-1]
    more = bisect_left(range(63), True, key=lambda s: np.count_nonzero(differ >> np.uint64(s)) < MAX_BINS)
    if more:
        keys, counts = _runs(keys >> np.uint64(more), counts)
    return QuantileProfile(shift=shift + more, bins=tuple(keys.tolist()), counts=tuple(counts.tolist()), **facts)


def _summed(keys: Keys, counts: npt.NDArray[np.int64]) -> tuple[Keys, npt.NDArray[np.int64]]:
    different, index = np.unique(keys, return_inverse=True)
    total = np.zeros(len(different), np.int64)
    np.add.at(total, index, counts)
    return different, total


def _runs(keys: Keys, counts: npt.NDArray[np.int64]) -> tuple[Keys, npt.NDArray[np.int64]]:
    """`_summed` of sorted keys."""
    if not len(keys):
        return keys, counts
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    return keys[first], np.add.reduceat(counts, first)


def _keys(values: Floats) -> Keys:
    """Whole numbers that sort as the floats do; -0 is 0."""
    bits = (values + 0.0).view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _values(keys: Keys) -> Floats:
    return np.where(keys & _SIGN, keys ^ _SIGN, ~keys).view(np.float64)


def inner_quantiles(profile: QuantileProfile, num_parts: int) -> tuple[float, ...]:
    """Up to `num_parts` - 1 distinct values that cut the rows into parts as equal as possible.

    Each value is the first number of the upper part.
    """
    values, rows = profile.lowest(), profile.rows()
    if not len(values):
        return ()
    until = np.cumsum(rows)
    wanted = until[-1] * np.arange(1, num_parts) / num_parts
    found = values[np.searchsorted(until, wanted, side="right").clip(max=len(values) - 1)]
    return tuple(float(v) for v in np.unique(found) if v > values[0])


def middle_ranks(profile: QuantileProfile, num_knots: int) -> tuple[Floats, Floats]:
    """(values, ranks): at most `num_knots` rising values, each ranked by the share of rows below it plus half of those
    in its own bin."""
    values, rows = profile.middles(), profile.rows()
    ranks = (np.cumsum(rows) - rows / 2) / max(1.0, rows.sum())
    if len(values) <= num_knots:
        return values, ranks
    spread = np.searchsorted(ranks, np.linspace(ranks[0], ranks[-1], num_knots))
    chosen = np.unique(np.concatenate([[0], spread, [len(values) - 1]]).clip(max=len(values) - 1))
    return values[chosen], ranks[chosen]
