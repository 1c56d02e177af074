"""Summaries of profiles for people and records: quantiles, moments and frequent values instead of all counts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.exact import written
from raytemplate.data.profile.column import ColumnProfile, exactly
from raytemplate.data.profile.counts import Counts
from raytemplate.data.profile.sketch import Moments, finite, floats_of, moments_of
from raytemplate.data.profile.table import TableProfile
from raytemplate.records.profiled import ColumnSummary, Frequent, WindowProfile

pc: Any = pyarrow.compute

_MOST_NAMED, LEAST_ROWS = 20, 10
"""Most values that a summary names, and the fewest rows of each: a rarer value may identify a person."""
_RANKS = np.arange(101) / 100.0


def window_profile(
    name: str, found: TableProfile, start: datetime | None = None, end: datetime | None = None
) -> WindowProfile:
    """The summary of the rows of a window."""
    columns: Mapping[str, ColumnSummary] = {name: summary_of(column) for name, column in found.columns.items()}
    return WindowProfile(
        name=name,
        start=start,
        end=end,
        num_rows=found.num_rows,
        num_dropped=found.num_dropped,
        columns=columns,
        periods=found.periods,
    )


def summary_of(found: ColumnProfile) -> ColumnSummary:
    """The summary of a column."""
    facts: dict[str, Any] = {}
    if found.type in ("number", "integer") and found.min is not None:
        values, rows = _by_size(found)
        moments = _moments(found, values, rows)
        facts = {
            "min": _number(found.min),
            "max": _number(found.max),
            "mean": moments.mean if moments.num else None,
            "deviation": moments.deviation if moments.num else None,
            "percentiles": _quantiles(found, values, rows, _RANKS),
        }
    elif isinstance(found.min, datetime):
        facts = {"oldest": found.min, "newest": found.max}
    if found.lengths:
        facts |= {
            "shortest": found.lengths.min,
            "longest": found.lengths.max,
            "mean_length": found.lengths.total / found.num_values,
        }
    return ColumnSummary(
        type=found.type,
        num_rows=found.num_rows,
        num_null=found.num_null,
        num_distinct=found.num_distinct,
        is_counted=found.sketch is None,
        most_frequent=_most_frequent(found.counts),
        **facts,
    )


def quantiles(found: ColumnProfile, ranks: NDArray[np.float64]) -> tuple[float, ...]:
    """The least number below or at which are this share of the finite numbers, for each rank from 0 to 1; () if there
    are none. Exact if all values were counted."""
    return _quantiles(found, *_by_size(found), ranks)


def _quantiles(
    found: ColumnProfile, values: NDArray[np.float64], rows: NDArray[np.int64], ranks: NDArray[np.float64]
) -> tuple[float, ...]:
    if not len(values):
        return ()
    until = np.cumsum(rows)
    at = np.searchsorted(until, np.ceil(ranks * until[-1] - 1e-9).clip(min=1).astype(np.int64), side="left")
    chosen = values[at.clip(max=len(values) - 1)]
    low, high = found.min, found.max
    if isinstance(low, int | float) and isinstance(high, int | float):
        chosen = chosen.clip(float(low), float(high))
    return tuple(chosen.tolist())


def _by_size(found: ColumnProfile) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Rising finite numbers that stand for all of a column, and the rows of each."""
    if found.sketch is not None and found.sketch.bins is not None:
        return found.sketch.bins.middles(), np.array(found.sketch.bins.counts, np.int64)
    return finite(floats_of(found.counts.values), found.counts.weights)


def _moments(found: ColumnProfile, values: NDArray[np.float64], rows: NDArray[np.int64]) -> Moments:
    if found.sketch is not None and found.sketch.moments is not None:
        return found.sketch.moments
    return moments_of(values, rows)


def _number(value: Any) -> float:
    return float(exactly(value))


def _most_frequent(counts: Counts) -> tuple[Frequent, ...]:
    rows = counts.weights
    often = np.flatnonzero(rows >= LEAST_ROWS)
    if not len(often):
        return ()
    order = often[np.argsort(-rows[often], kind="stable")][:_MOST_NAMED]
    texts = written(counts.values.take(pa.array(order))).to_pylist()
    return tuple(Frequent(value=text, num_rows=int(n)) for text, n in zip(texts, rows[order], strict=True))
