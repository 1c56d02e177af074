"""Metrics on slices of the test rows, such as by carrier, by origin, or by ranges of a number."""
# pyright: basic, reportAttributeAccessIssue=false
# (pyarrow carries no types)

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from raytemplate.data.exact import to_float64
from raytemplate.data.missing import null_where_missing
from raytemplate.evaluation.intervals import bound_groups, draw_counts, interval
from raytemplate.evaluation.metrics.formula import Drawn, Floats, Groups
from raytemplate.evaluation.metrics.metric import Metric, metric_of
from raytemplate.records.evaluated import MetricValue, Slice

MAX_VALUES = 50
"""Most slices of one column; beyond that the values with the fewest rows share one slice."""

MAX_NUMBERS = 20
"""Most distinct numbers that are sliced by value; with more, ranges are made."""

NUM_RANGES = 5
OTHER, MISSING = "(other)", "(none)"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Parts:
    """The slices of one column."""

    of_row: NDArray[np.int64]
    """The slice of each row, int64 [rows], an index into `names`."""

    names: tuple[str, ...]
    """Names of the slices."""


def slice_values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column in the form that `parts_of` needs, whatever its type in a batch: numbers as float64, others as text."""
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_decimal(column.type):
        return to_float64(column)  # longer ids are sliced by their first 16 digits
    return null_where_missing(column).cast(pa.string())


def parts_of(column: pa.ChunkedArray) -> Parts:
    """The slices of one column, from `slice_values`: one for each value, the largest first, or ranges of many numbers.

    Missing values are a slice of their own, `(none)`. Ranges hold about the same number of rows each.
    """
    if pa.types.is_floating(column.type):
        value = column.to_numpy()
        known = np.unique(value[~np.isnan(value)])
        if len(known) > MAX_NUMBERS:
            return _ranges(value)
        column = pc.if_else(pc.is_nan(column), None, column)
        # Without thousands separators: a few distinct numbers are mostly codes, such as years.
        names = {float(number): _plain(float(number), 15).replace(",", "") for number in known}
        column = pa.chunked_array([pa.array([names.get(v) for v in column.to_pylist()], pa.string())])
    return _values(column.fill_null(MISSING))


def _values(column: pa.ChunkedArray) -> Parts:
    coded = column.combine_chunks().dictionary_encode()
    code, names = coded.indices.to_numpy().astype(np.int64), coded.dictionary.to_pylist()
    counts = np.bincount(code, minlength=len(names))
    order = sorted(range(len(names)), key=lambda index: (-counts[index], names[index]))
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    kept = [str(names[index]) for index in order]
    if len(kept) > MAX_VALUES:
        kept = [*kept[: MAX_VALUES - 1], OTHER]
    return Parts(of_row=np.minimum(rank[code], len(kept) - 1), names=tuple(kept))


def _ranges(value: Floats) -> Parts:
    missing = np.isnan(value)
    edges = np.unique(np.quantile(value[~missing], np.arange(1, NUM_RANGES) / NUM_RANGES))
    least = np.nanmin(value)
    edges = edges[edges > least]
    if not len(edges):  # nearly all rows have the least value, so the others form one range
        edges = np.asarray([value[value > least].min()])
    of_row = np.searchsorted(edges, value, side="right").astype(np.int64)
    text = _told_apart(edges)
    between = [f"{low} to {high}" for low, high in pairwise(text)]
    names = [f"below {text[0]}", *between, f"{text[-1]} or more"]
    of_row[missing] = len(names)
    return Parts(of_row=of_row, names=tuple([*names, MISSING] if missing.any() else names))


def _told_apart(edges: Floats) -> list[str]:
    """The edges with four digits, or with as many more as are needed to make them distinct."""
    return next(
        text
        for digits in range(4, 18)
        if len(set(text := [_plain(float(edge), digits) for edge in edges])) == len(edges) or digits == 17
    )


def _plain(number: float, digits: int) -> str:
    """A number to `digits` significant digits, without an exponent: "199.8", "52,300"."""
    decimals = digits - 1 - (math.floor(math.log10(abs(number))) if number and math.isfinite(number) else 0)
    text = f"{number:,.{max(0, decimals)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def score_slices(
    *,
    target: Floats,
    groups: Groups,
    predictions: Mapping[str, Floats],
    columns: Mapping[str, pa.ChunkedArray],
    metrics: tuple[str, ...],
    num_resamples: int = 2000,
    seed: int = 0,
    quantile: float | None = None,
) -> tuple[Slice, ...]:
    """Every slice of every column with the metrics of candidate and champion, using the draws of the whole comparison.

    Args:
        target, groups, num_resamples, seed, quantile: see `compare`.
        predictions: predictions of "candidate" and, if there is one, "champion"; other models are not sliced.
        columns: name -> its values on the same rows, from `slice_values`.
        metrics: ids of the metrics.
    """
    if not columns:
        return ()
    groups = bound_groups(groups, seed)
    counts = draw_counts(int(groups.max()) + 1, num_resamples, seed)
    known = [metric_of(name, quantile) for name in metrics]
    models = [name for name in ("candidate", "champion") if name in predictions]
    found: list[Slice] = []
    for by, column in columns.items():
        parts = parts_of(column)
        for number, value in enumerate(parts.names):
            rows = np.flatnonzero(parts.of_row == number)
            if not len(rows):
                continue
            scored = _scored(
                known, target[rows], {name: predictions[name][rows] for name in models}, groups[rows], counts
            )
            found.append(
                Slice(
                    by=by,
                    value=value,
                    num_rows=len(rows),
                    candidate=scored["candidate"],
                    champion=scored.get("champion"),
                )
            )
    return tuple(found)


def _scored(
    metrics: list[Metric], target: Floats, predictions: Mapping[str, Floats], groups: Groups, counts: Floats
) -> dict[str, dict[str, MetricValue]]:
    """The metrics of each model on the rows of one slice, from the draws that contain any of them."""
    there, groups = np.unique(groups, return_inverse=True)
    held = counts[:, there]
    # Draws without a row of this slice have no value for it.
    held = held[held.any(axis=1)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            name: {m.id: _value(m, m.drawn(target, prediction, groups, held), len(there)) for m in metrics}
            for name, prediction in predictions.items()
        }


def _value(metric: Metric, drawn: Drawn, num_groups: int) -> MetricValue:
    return MetricValue(
        id=metric.id,
        version=metric.version,
        higher_is_better=metric.higher_is_better,
        estimate=interval(drawn.value, drawn.draws, num_groups),
    )
