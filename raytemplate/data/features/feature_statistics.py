"""The statistics that features are fitted from: one pass over the prepared columns, mergeable, in bounded memory."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from raytemplate.data.features.inputs import Step, add_own, column_of, input_of, made_of
from raytemplate.data.features.kind import ColumnStatistics, load_kind
from raytemplate.data.features.numeric import Numeric
from raytemplate.data.features.options import options_of
from raytemplate.data.missing import nulls_where_missing
from raytemplate.data.options import Task
from raytemplate.data.quantiles import QuantileProfile, merge_quantiles, quantile_profile
from raytemplate.data.statistics import (
    CategoryProfile,
    NumberProfile,
    PresenceProfile,
    TimeProfile,
    category_profile,
    merge_categories,
    merge_numbers,
    merge_presence,
    merge_times,
    number_profile,
    presence_profile,
    terms_profile,
    time_profile,
    to_floats,
)
from raytemplate.data.target import accepts_classes, baseline_target, class_texts
from raytemplate.data.target_means import TargetMeanProfile, folds_of, merge_target_means, target_mean_profile
from raytemplate.errors import DataError


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureStatistics:
    """Statistics of a table."""

    num_rows: int
    """Rows of the table."""

    target_column: str
    """Column of the target."""

    target: NumberProfile | CategoryProfile
    """Profile of the target: of numbers, or of categories if classes are predicted."""

    columns: Mapping[str, ColumnStatistics]
    """`step_key` -> statistics of the column as its feature prepares it, such as after the log."""


def step_key(step: Step) -> str:
    """The name of a step's statistics, such as "numeric:precip"."""
    return f"{step.kind}:{step.column}"


def feature_statistics(
    table: pa.Table, steps: Sequence[Step], target: str, task: Task = "regression", positive: str = ""
) -> FeatureStatistics:
    """The statistics of a table [rows, columns] for these features and for the target, a column of the table.

    Args:
        positive: the value of a binary target that counts as yes; "" means true or 1.

    Raises:
        DataError: a column is missing, or has a type that its feature cannot use.
    """
    wanted = column_of(table, target)
    table = nulls_where_missing(add_own(table, steps, alone=True), made_of(steps))
    learnt = functools.cache(lambda: _learnt(table, target, task, positive))
    return FeatureStatistics(
        num_rows=table.num_rows,
        target_column=target,
        target=_target_profile(wanted, target, task),
        columns={step_key(step): _column_statistics(table, step, learnt) for step in steps},
    )


def _target_profile(column: pa.ChunkedArray, target: str, task: Task) -> NumberProfile | CategoryProfile:
    if task == "regression":
        return number_profile(column, Numeric.accepts(target, column.type))
    return category_profile(class_texts(column), accepts_classes(target, column.type))


def merge(a: FeatureStatistics, b: FeatureStatistics) -> FeatureStatistics:
    """The statistics of both parts. Order-free for counts, and associative to about 1e-9 of a column's size otherwise.

    Raises:
        DataError: the parts were made for different features, or a column's type differs between them.
    """
    if a.columns.keys() != b.columns.keys() or a.target_column != b.target_column:
        raise DataError("statistics of different features cannot be merged")
    return FeatureStatistics(
        num_rows=a.num_rows + b.num_rows,
        target_column=a.target_column,
        target=_merged(a.target, b.target),
        columns={key: _merged(a.columns[key], b.columns[key]) for key in a.columns},
    )


_PROFILERS: Mapping[str, Callable[[pa.ChunkedArray, str], ColumnStatistics]] = {
    "number": number_profile,
    "quantiles": quantile_profile,
    "category": category_profile,
    "time": time_profile,
    "presence": presence_profile,
    "terms": terms_profile,
}


def _column_statistics(table: pa.Table, step: Step, learnt: Callable[[], NDArray[np.float64]]) -> ColumnStatistics:
    kind = load_kind(step.kind)
    column = input_of(table, step)
    family = kind.accepts(step.column, column.type)
    options: Any = options_of(step.kind).model_validate(dict(step.settings))
    try:
        prepared = kind.prepare(column, options)
        if kind.profiled == "target":
            folds = folds_of(table, options.fold_by, options.folds)
            return target_mean_profile(prepared, family, learnt(), folds, options.folds)
        return _PROFILERS[kind.profiled](prepared, family)
    except UnicodeDecodeError:
        raise DataError(f"column {step.column} holds text that is not UTF-8; write it again") from None


def _learnt(table: pa.Table, target: str, task: Task, positive: str) -> NDArray[np.float64]:
    """The number of which target means are taken, float64 [rows]; 0 if it is missing, which is refused later."""
    rows = baseline_target(table, target, task, positive)
    return np.nan_to_num(to_floats(column_of(rows, target)), nan=0.0, posinf=0.0, neginf=0.0)


_MERGERS: Mapping[type, Callable[[Any, Any], Any]] = {
    NumberProfile: merge_numbers,
    CategoryProfile: merge_categories,
    QuantileProfile: merge_quantiles,
    TimeProfile: merge_times,
    TargetMeanProfile: merge_target_means,
    PresenceProfile: merge_presence,
}


def _merged(a: Any, b: Any) -> Any:
    """Two profiles of the same kind, merged."""
    if type(a) is not type(b):
        raise DataError("statistics of different kinds cannot be merged")
    return _MERGERS[type(a)](a, b)
