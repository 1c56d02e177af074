# pyright: basic, reportAttributeAccessIssue=false
# (pyarrow carries no types)
"""What each input column has to do with the target: how much it explains alone, and how much a model leans on it.

The second is permutation importance (Breiman 2001, "Random Forests", Machine Learning 45; Fisher, Rudin and Dominici
2019, JMLR 20): the values of one column are dealt out anew among the rows, and what the deciding metric loses by that
is what the model took from the column. Columns that say the same stand in for each other, and each seems to matter
less.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from raytemplate.evaluation.alone import explained
from raytemplate.evaluation.intervals import bound_groups, draw_counts, interval
from raytemplate.evaluation.metrics.formula import Drawn, Floats, Groups
from raytemplate.evaluation.metrics.metric import Metric
from raytemplate.records.evaluated import ColumnEvidence, Estimate

MAX_ROWS = 4_000
"""Most test rows that columns are looked at on, taken evenly."""

_MAX_VALUES, _FEWEST_ROWS = 200_000, 500
_PERMUTED_ROWS, _MAX_RESAMPLES, _PERMUTING_S = 1_000, 500, 1.0
_COLUMNS_AT_ONCE = 8  # one prediction of many rows is quicker than many of few


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
) -> tuple[ColumnEvidence, ...]:
    """What is known of each input column, in their order.

    Args:
        rows: test rows with at least these columns, raw.
        target: float64 [rows], the number or the index of the class.
        groups: int64 [rows], what the bootstrap draws, as for the metrics.
        predict: the candidate; None if it is too slow to be asked often.
        limit_s: past it, columns are left unmeasured.
    """
    ends = time.monotonic() + limit_s
    most = max(_FEWEST_ROWS, _MAX_VALUES // max(1, len(columns)))
    few = _evenly(len(rows), most)
    found: list[ColumnEvidence] = []
    for name in columns:
        alone = None
        if time.monotonic() < ends:
            column = rows.column(name).take(pa.array(few))
            alone = explained(
                column, target[few], metric=metric, num_classes=num_classes, seed=seed, groups=groups[few]
            )
        found.append(ColumnEvidence(column=name, explained=alone))
    if predict is None or not len(rows):
        return tuple(found)
    few = _evenly(len(rows), _PERMUTED_ROWS)
    asked = sorted(found, key=lambda one: -(one.explained or 0.0))  # those most in question before time is up
    importance = _importances(
        rows.take(pa.array(few)), target[few], groups[few], predict, columns=[one.column for one in asked],
        metric=metric, num_resamples=min(num_resamples, _MAX_RESAMPLES), seed=seed,
        ends=min(ends, time.monotonic() + _PERMUTING_S),
    )  # fmt: skip
    return tuple(replace(one, importance=importance.get(one.column)) for one in found)


def _evenly(num_rows: int, most: int) -> Any:
    return np.linspace(0, num_rows - 1, min(num_rows, most)).astype(np.int64)


def _importances(
    rows: Any, target: Floats, groups: Groups, predict: Callable[[pa.Table], Floats], *, columns: Sequence[str],
    metric: Metric, num_resamples: int, seed: int, ends: float,
) -> dict[str, Estimate]:  # fmt: skip
    groups = bound_groups(np.unique(groups, return_inverse=True)[1].reshape(-1), seed)
    num_groups = int(groups.max()) + 1
    counts = draw_counts(num_groups, num_resamples, seed)
    began = time.monotonic()
    as_it_is = metric.drawn(target, predict(rows), groups, counts)
    each_s, found = time.monotonic() - began, dict[str, Estimate]()
    while len(found) < len(columns):
        in_time = int((ends - time.monotonic()) / max(each_s, 1e-6))
        asked = columns[len(found) : len(found) + min(in_time, _COLUMNS_AT_ONCE)]
        if not asked:
            break
        predicted = predict(_dealt(rows, asked, np.random.default_rng([seed, len(found)])))
        for name, without in zip(asked, np.split(predicted, len(asked)), strict=True):
            found[name] = _lost(metric, as_it_is, metric.drawn(target, without, groups, counts), num_groups)
    return found


def _dealt(rows: Any, columns: Sequence[str], random: np.random.Generator) -> pa.Table:
    """The rows once for each of some columns, one after the other, with the values of that column dealt out anew."""
    num_rows = len(rows)
    as_they_are = np.tile(np.arange(num_rows), len(columns))
    order = {name: as_they_are.copy() for name in columns}
    for block, name in enumerate(columns):
        order[name][block * num_rows : (block + 1) * num_rows] = random.permutation(num_rows)
    names = rows.column_names
    return pa.table([rows.column(name).take(pa.array(order.get(name, as_they_are))) for name in names], names)


def _lost(metric: Metric, as_it_is: Drawn, without: Drawn, num_groups: int) -> Estimate:
    """How much worse the metric is, with its paired interval."""
    sign = 1.0 if metric.higher_is_better else -1.0
    return interval(sign * (as_it_is.value - without.value), sign * (as_it_is.draws - without.draws), num_groups)
