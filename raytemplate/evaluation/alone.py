# pyright: basic, reportAttributeAccessIssue=false
# (pyarrow carries no types)
"""How much of the target one column explains by itself, out of sample.

If it explains nearly everything, the column was probably written after the target was known. Each of a few simple views
of the column (`views.py`) predicts every row from the rows of the other folds; the best view counts. With so few views,
taking the best out of sample adds next to nothing: noise scores near 0 or below.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from raytemplate.evaluation.metrics.formula import Floats, Groups
from raytemplate.evaluation.metrics.metric import Metric
from raytemplate.evaluation.metrics.shipped import LOG_LOSS, RMSE
from raytemplate.evaluation.views import View, views_of

MAX_ROWS = 20_000
_MAX_CELLS = 1_000_000  # rows times classes
_FEWEST_ROWS, _FEWEST_GROUPS, _NUM_FOLDS, _NUM_BLOCKS = 20, 10, 5, 50
_COARSE_BINS, _FINE_BINS = 32, 256
_CLASS_BINS, _MAX_LEAVES = 2_048, 32
_PRIOR = 0.5  # average rows added to each group, so that no class becomes impossible
_CHANCE = 2.0  # log likelihood that the best of many cuts gains by chance


def explained(
    column: pa.Array | pa.ChunkedArray,
    target: Floats,
    *,
    metric: Metric,
    num_classes: int = 0,
    seed: int = 0,
    groups: Groups | None = None,
    in_order: bool = False,
) -> float:
    """`1 - loss(column alone) / loss(best constant)`, at most 1; 0 if it cannot be measured.

    The loss is the distance of the metric from its perfect value, 0 or 1. Metrics without one, and R2, are replaced by
    RMSE (log loss for classes).

    Args:
        column: [rows]; numbers, text, booleans or times; for other types only whether values are missing is used.
        target: float64 [rows]: the number, or the index of the class; rows in which it is not finite are left out.
        num_classes: 0 if numbers are predicted.
        groups: int64 [rows]; rows of one group belong together, and stay in one fold.
        in_order: whether the rows are in order of time. A column that grows along with them, such as a counter, must
            then predict rows far from those it was fitted on, or the step from each row to the next; otherwise it only
            shows when a row was written.
    """
    most = MAX_ROWS if num_classes < 3 else min(MAX_ROWS, _MAX_CELLS // num_classes)
    rows = np.flatnonzero(np.isfinite(target))
    rows = rows[evenly(len(rows), most)]
    if len(rows) < _FEWEST_ROWS:
        return 0.0
    rows = rows[np.argsort(target[rows], kind="stable")]  # in this order each group's quantile can simply be indexed
    taken: Any = column
    taken, target, metric = taken.take(pa.array(rows)), target[rows], _judged(metric, num_classes)
    base = _loss(metric, target, np.repeat(_constant(target, metric, num_classes)[None], len(target), axis=0))
    if not 0 < base < math.inf:
        return 0.0
    group = np.arange(len(rows)) if groups is None else np.unique(groups[rows], return_inverse=True)[1].reshape(-1)
    if group.max() + 1 < _FEWEST_GROUPS:
        group = np.arange(len(rows))
    shares: list[float] = []
    with np.errstate(all="ignore"):  # numbers whose squares overflow float64 give a loss that is not finite
        for view in views_of(taken):
            along = in_order and view.runs_along(rows)
            folds = _far_folds(rows) if along else _folds(view, group, seed)
            fitted = _cross_fitted(view, target, metric, num_classes, folds, with_line=not along)
            shares += [1.0 - _loss(metric, target, predicted) / base for predicted in fitted]
            if along and not num_classes and view.levels is not None and not view.in_blocks:
                shares.append(_explained_steps(view, target, rows, seed))
    return max((share for share in shares if math.isfinite(share)), default=0.0)


def _explained_steps(view: View, target: Floats, rows: Groups, seed: int) -> float:
    """How much the column's steps from row to row explain of the target's steps."""
    in_turn = np.argsort(rows)
    steps = np.diff(np.where(view.has_number(), view.numbers(), np.nan)[in_turn])
    return explained(pa.array(steps), np.diff(target[in_turn]), metric=RMSE, seed=seed)


def evenly(num_rows: int, most: int) -> NDArray[np.int64]:
    """Indices of at most `most` rows, evenly spaced from the first to the last: int64, rising."""
    return np.linspace(0, num_rows - 1, min(num_rows, most)).astype(np.int64)


def _judged(metric: Metric, num_classes: int) -> Metric:
    if metric.best is not None and metric.id != "r2":
        return metric
    return LOG_LOSS if num_classes else RMSE


def _loss(metric: Metric, target: Floats, predicted: Floats) -> float:
    value = metric(target, predicted)
    return 1.0 - value if metric.higher_is_better else value


def _constant(target: Floats, metric: Metric, num_classes: int) -> Floats:
    """The best constant prediction: float64 [] or, for more than two classes, [classes]."""
    if num_classes:
        return _as_predicted(np.bincount(target.astype(np.int64), minlength=num_classes) / len(target))
    quantile = _quantile(metric)
    return np.asarray(target.mean() if quantile is None else np.quantile(target, quantile))


def _quantile(metric: Metric) -> float | None:
    """The quantile that is the best constant; None if the mean is."""
    return 0.5 if metric.id == "mae" else metric.quantile


def _as_predicted(shares: Floats) -> Floats:
    return shares[..., 1] if shares.shape[-1] == 2 else shares


def _cross_fitted(
    view: View, target: Floats, metric: Metric, num_classes: int, folds: Groups, *, with_line: bool
) -> Iterator[Floats]:
    """Predictions of all rows, each from the rows of the other folds; one array for each way to fit the view."""
    if num_classes:
        yield _fold_by_fold(folds, lambda fold: _shares(view, target.astype(np.int64), num_classes, fold))
        return
    if view.levels is None:
        yield _fold_by_fold(folds, lambda fold: _by_group(view, target, metric, fold))
        return
    if with_line:
        yield _fold_by_fold(folds, lambda fold: _by_line(view, target, metric, fold))
    for binned in dict.fromkeys(view.coarser(bins) for bins in (_COARSE_BINS, _FINE_BINS, len(target))):
        yield _fold_by_fold(folds, lambda fold, binned=binned: _interpolated(view, binned, target, metric, fold))


def _folds(view: View, group: Groups, seed: int) -> Groups:
    """The fold of each row: random by group, but in blocks of neighbours for times, where neighbours are alike."""
    rows = len(view.code)
    if not view.in_blocks:
        return np.random.default_rng(seed).permutation(int(group.max()) + 1)[group] % _NUM_FOLDS
    return _ranks(view.code) * _NUM_BLOCKS // rows % _NUM_FOLDS


def _far_folds(rows: Groups) -> Groups:
    """The fold of each row if every fold is a contiguous part of the rows in their order."""
    return _ranks(rows) * _NUM_FOLDS // len(rows)


def _ranks(values: Groups) -> Groups:
    ranks = np.empty(len(values), np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks


def _fold_by_fold(folds: Groups, fit: Any) -> Floats:
    parts = [(folds == fold, fit(folds == fold)) for fold in range(_NUM_FOLDS)]
    predicted = np.empty((len(folds), *parts[0][1].shape[1:]))
    for rows, values in parts:
        predicted[rows] = values
    return predicted


def _by_group(view: View, target: Floats, metric: Metric, fold: NDArray[np.bool_]) -> Floats:
    values = _statistic(view.code[~fold], target[~fold], view.num_groups, metric)
    values[np.isnan(values)] = _constant(target[~fold], metric, 0)
    return values[view.code[fold]]


def _by_line(view: View, target: Floats, metric: Metric, fold: NDArray[np.bool_]) -> Floats:
    """Predictions by a straight line through the numbers."""
    x, known = view.numbers(), ~fold & view.has_number()
    centred = x[known] - x[known].mean() if known.any() else x[:0]
    squares = float(centred @ centred)
    if not squares:
        return _by_group(view.presence(), target, metric, fold)
    slope = float(centred @ target[known]) / squares
    start = _constant(target[known] - slope * x[known], metric, 0)
    return _or_missing(view, start + slope * x[fold], target, metric, fold)


def _interpolated(view: View, binned: View, target: Floats, metric: Metric, fold: NDArray[np.bool_]) -> Floats:
    """Predictions by the statistic of each bin, interpolated linearly between the bins' levels."""
    assert binned.levels is not None
    values = _statistic(binned.code[~fold], target[~fold], binned.num_groups, metric)[: len(binned.levels)]
    seen = np.isfinite(values)
    if not seen.any():
        return _by_group(view.presence(), target, metric, fold)
    return _or_missing(view, np.interp(view.numbers()[fold], binned.levels[seen], values[seen]), target, metric, fold)


def _or_missing(view: View, drawn: Floats, target: Floats, metric: Metric, fold: NDArray[np.bool_]) -> Floats:
    """The `drawn` values for rows with a number, and one common value for rows without."""
    there = view.has_number()[fold]
    return drawn if there.all() else np.where(there, drawn, _by_group(view.presence(), target, metric, fold))


def _statistic(code: NDArray[np.int64], target: Floats, num_groups: int, metric: Metric) -> Floats:
    """Mean or quantile of each group, float64 [groups]; NaN for an empty group. `target` must be in rising order."""
    count = np.bincount(code, minlength=num_groups)
    quantile = _quantile(metric)
    if quantile is None:
        with np.errstate(invalid="ignore"):
            return np.bincount(code, weights=target, minlength=num_groups) / count
    ordered = target[np.argsort(code.astype(np.uint16), kind="stable")]  # numpy uses a radix sort for 16 bits
    first = np.cumsum(count) - count
    found = np.full(num_groups, np.nan)
    there = count > 0
    found[there] = ordered[first[there] + np.floor(quantile * (count[there] - 1)).astype(np.int64)]
    return found


def _shares(view: View, target: NDArray[np.int64], num_classes: int, fold: NDArray[np.bool_]) -> Floats:
    binned = view if view.levels is None else view.coarser(max(_FINE_BINS, _CLASS_BINS // num_classes))
    cell = binned.code[~fold] * num_classes + target[~fold]
    counts = np.bincount(cell, minlength=binned.num_groups * num_classes).reshape(-1, num_classes).astype(np.float64)
    if binned.levels is not None and len(binned.levels):
        counts = _merged(counts, len(binned.levels))
    overall = counts.sum(axis=0) if view.levels is None else np.bincount(target[~fold], minlength=num_classes)
    shares = (counts + _PRIOR * overall / overall.sum()) / (counts.sum(axis=1, keepdims=True) + _PRIOR)
    return _as_predicted(shares[binned.code[fold]])


def _merged(counts: Floats, num_bins: int) -> Floats:
    """Rows by bin and class, with neighbouring bins merged unless a cut between them separates the classes: the greedy
    cuts of a decision tree, each of which gains more than it costs (Schwarz 1978, The Annals of Statistics 6)."""
    classes = (counts.sum(axis=0) > 0).sum()
    cost = _CHANCE + (classes - 1) / 2 * math.log(counts.sum())
    merged, parts, leaves = counts.copy(), [(0, num_bins)], 0
    while parts:
        low, high = parts.pop()
        left = np.cumsum(counts[low:high], axis=0)
        whole, left = left[-1], left[:-1]
        gain = _likelihood(left) + _likelihood(whole - left) - _likelihood(whole)
        if leaves + len(parts) + 2 <= _MAX_LEAVES and len(gain) and gain.max() > cost:
            cut = low + int(gain.argmax()) + 1
            parts += [(low, cut), (cut, high)]
        else:
            merged[low:high], leaves = whole, leaves + 1
    return merged


def _likelihood(counts: Floats) -> Floats:
    """Log likelihood of counts [..., classes] under their own shares, float64 [...]."""
    total = counts.sum(axis=-1, keepdims=True)
    return (counts * np.log(np.maximum(counts, 1) / np.maximum(total, 1))).sum(axis=-1)
