# pyright: basic, reportAttributeAccessIssue=false
# (pyarrow carries no types)
"""How each input column relates to the target: how much it explains alone, and how much the model relies on it.

The second is permutation importance (Breiman 2001, "Random Forests", Machine Learning 45; Fisher, Rudin and Dominici
2019, JMLR 20): the values of one column are permuted, and the resulting loss in the deciding metric is what the model
gained from the column. Columns with the same information replace each other, so that each seems to matter less.

If there is too little time for all columns, those on which the target depends most in a small sample come first.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from raytemplate.evaluation.alone import evenly, explained
from raytemplate.evaluation.intervals import bound_groups, draw_counts, interval
from raytemplate.evaluation.metrics.formula import Drawn, Floats, Groups
from raytemplate.evaluation.metrics.metric import Metric
from raytemplate.evaluation.views import View, views_of
from raytemplate.records.evaluated import ColumnEvidence, Estimate

MAX_ROWS = 4_000
"""Most test rows used to examine columns, evenly spaced."""

_MAX_VALUES, _FEWEST_ROWS = 200_000, 500
_PERMUTED_ROWS, _MAX_RESAMPLES, _PERMUTING_S = 1_000, 500, 1.0
_COLUMNS_AT_ONCE, _CELLS_AT_ONCE = 8, 2_000_000  # one prediction of many rows is faster than many of few
_SCREENED_ROWS, _SCREENING = 300, 0.5  # rows, and share of the time, for the choice of which columns come first


def column_evidence(
    rows: pa.Table,
    target: Floats,
    groups: Groups,
    predict: Callable[[pa.Table], Floats] | None,
    *,
    columns: Sequence[str],
    metric: Metric,
    num_classes: int,
    num_resamples: int,
    seed: int,
    limit_s: float,
    in_order: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[ColumnEvidence, ...]:
    """The evidence on each input column, in the order of the columns.

    Args:
        rows: raw test rows with at least these columns.
        target: float64 [rows], the number or the index of the class.
        groups: int64 [rows], the units of the bootstrap, as for the metrics.
        predict: the candidate; None if it is too slow to be called often.
        limit_s: seconds for all columns; what is left after that is not measured.
        in_order: whether the rows are in order of time.
        clock: returns seconds of a monotonic clock.
    """
    began = clock()
    ends = began + limit_s
    permuting_s = min(_PERMUTING_S, limit_s / 2) if predict is not None and len(rows) else 0.0
    few = evenly(len(rows), max(_FEWEST_ROWS, _MAX_VALUES // max(1, len(columns))))
    left = list(_most_dependent_first(rows, target, columns, seed, ends=began + _SCREENING * limit_s, clock=clock))
    alone: dict[str, float] = {}

    def look_until(time_is_up: float) -> None:
        while left and clock() < time_is_up:
            name = left.pop(0)
            alone[name] = explained(
                rows.column(name).take(pa.array(few)),
                target[few],
                metric=metric,
                num_classes=num_classes,
                seed=seed,
                groups=groups[few],
                in_order=in_order,
            )

    look_until(ends - permuting_s)
    importance: dict[str, Estimate] = {}
    if predict is not None and permuting_s:
        fewer = evenly(len(rows), _PERMUTED_ROWS)
        importance = _importances(
            rows.take(pa.array(fewer)),
            target[fewer],
            groups[fewer],
            predict,
            columns=sorted(columns, key=lambda name: -alone.get(name, -math.inf)),  # the most suspicious first
            metric=metric,
            num_resamples=min(num_resamples, _MAX_RESAMPLES),
            seed=seed,
            ends=min(ends, clock() + _PERMUTING_S),
            clock=clock,
        )
        look_until(ends)
    return tuple(
        ColumnEvidence(column=name, explained=alone.get(name), importance=importance.get(name)) for name in columns
    )


def _most_dependent_first(
    rows: pa.Table, target: Floats, columns: Sequence[str], seed: int, *, ends: float, clock: Callable[[], float]
) -> Sequence[str]:
    """The columns, those that the target follows most steadily in a few rows first; those not tried in time last."""
    few = evenly(len(rows), _SCREENED_ROWS)
    few = few[np.isfinite(target[few])]
    ranks = np.unique(target[few], return_inverse=True)[1].reshape(-1)
    ties = np.random.default_rng(seed).permutation(len(few))
    unsteady: dict[str, float] = {}
    sample = rows.take(pa.array(few)).combine_chunks()
    for name in columns:
        if clock() >= ends:
            break
        views = views_of(sample.column(name))
        unsteady[name] = min((_unsteadiness(view, ranks, ties) for view in views), default=math.inf)
    return sorted(columns, key=lambda name: unsteady.get(name, math.inf))


def _unsteadiness(view: View, ranks: Any, ties: Any) -> float:
    """Total change of the target's rank from row to row in the order of the column, as in the rank correlation of
    Chatterjee (2021, Journal of the American Statistical Association 116)."""
    return float(np.abs(np.diff(ranks[np.lexsort((ties, view.code))])).sum())


def _importances(
    rows: Any,
    target: Floats,
    groups: Groups,
    predict: Callable[[pa.Table], Floats],
    *,
    columns: Sequence[str],
    metric: Metric,
    num_resamples: int,
    seed: int,
    ends: float,
    clock: Callable[[], float],
) -> dict[str, Estimate]:
    groups = bound_groups(np.unique(groups, return_inverse=True)[1].reshape(-1), seed)
    num_groups = int(groups.max()) + 1
    counts = draw_counts(num_groups, num_resamples, seed)
    began = clock()
    as_it_is = metric.drawn(target, predict(rows), groups, counts)
    each_s, found = clock() - began, dict[str, Estimate]()
    at_once = max(1, min(_COLUMNS_AT_ONCE, _CELLS_AT_ONCE // max(1, rows.num_rows * rows.num_columns)))
    while len(found) < len(columns):
        began = clock()
        in_time = max(0, int((ends - began) / max(each_s, 1e-6)))
        asked = columns[len(found) : len(found) + min(in_time, at_once, max(1, len(found)))]
        if not asked:
            break
        predicted = predict(_permuted(rows, asked, seed, len(found)))
        for name, without in zip(asked, np.split(predicted, len(asked)), strict=True):
            found[name] = _lost(metric, as_it_is, metric.drawn(target, without, groups, counts), num_groups)
        each_s = (clock() - began) / len(asked)
    return found


def _permuted(rows: Any, columns: Sequence[str], seed: int, before: int) -> pa.Table:
    """The rows repeated once for each of some columns, with the values of that column permuted.

    Args:
        before: number of columns permuted before these, so that the result does not depend on how many go together.
    """
    parts: list[pa.Table] = []
    for number, name in enumerate(columns, start=before):
        order = np.random.default_rng([seed, number]).permutation(len(rows))
        index = rows.schema.get_field_index(name)
        parts.append(rows.set_column(index, rows.schema.field(index), rows.column(name).take(pa.array(order))))
    return pa.concat_tables(parts)


def _lost(metric: Metric, as_it_is: Drawn, without: Drawn, num_groups: int) -> Estimate:
    """How much worse the metric becomes, with a paired interval."""
    sign = 1.0 if metric.higher_is_better else -1.0
    return interval(sign * (as_it_is.value - without.value), sign * (as_it_is.draws - without.draws), num_groups)
