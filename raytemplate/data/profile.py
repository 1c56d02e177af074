"""One pass over a table: what fitting features, checking and drift need to know of it, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from raytemplate.data.features.kind import ColumnProfile, FeatureKind
from raytemplate.data.features.numeric import Numeric
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
    plain,
    presence_profile,
    time_profile,
)
from raytemplate.data.target import accepts_classes, class_texts
from raytemplate.errors import DataError
from raytemplate.plugins import FEATURES, load, suggest


class Step(Protocol):
    """One feature to fit: the name of its kind, its column and its settings. A plan's `FeatureStep` is one."""

    @property
    def kind(self) -> str: ...

    @property
    def column(self) -> str: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """Statistics of a table. `columns` by `step_key`, each of the column as its feature prepares it (log applied).

    `target` is a profile of numbers or, where classes are predicted, of categories.
    """

    num_rows: int
    target_column: str
    target: NumberProfile | CategoryProfile
    columns: Mapping[str, ColumnProfile]


def step_key(step: Step) -> str:
    """The name of a step's profile: "numeric:precip"."""
    return f"{step.kind}:{step.column}"


def profile(table: pa.Table, steps: Sequence[Step], target: str, task: Task = "regression") -> Profile:
    """The profile of a table [rows, columns] for these features and this target, a column of the table.

    Raises:
        DataError: a column is missing, or of a type that its feature cannot use.
    """
    wanted = column_of(table, target)
    return Profile(
        num_rows=table.num_rows,
        target_column=target,
        target=_target_profile(wanted, target, task),
        columns={step_key(step): _column_profile(table, step) for step in steps},
    )


def _target_profile(column: pa.ChunkedArray, target: str, task: Task) -> NumberProfile | CategoryProfile:
    if task == "regression":
        return number_profile(column, Numeric.accepts(target, column.type))
    return category_profile(class_texts(column), accepts_classes(target, column.type))


def merge(a: Profile, b: Profile) -> Profile:
    """The profile of both parts. Order-free for counts, and associative to about 1e-9 of a column's size for the rest.

    Raises:
        DataError: made for other features, or a column has another type in each part.
    """
    if a.columns.keys() != b.columns.keys() or a.target_column != b.target_column:
        raise DataError("profiles of different features cannot be merged")
    return Profile(
        num_rows=a.num_rows + b.num_rows,
        target_column=a.target_column,
        target=_merge_targets(a.target, b.target),
        columns={key: _merge_columns(a.columns[key], b.columns[key]) for key in a.columns},
    )


def column_of(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column by name; dictionary codes are replaced by their values.

    Raises:
        DataError: there is none; the message names the nearest.
    """
    if name not in table.column_names:
        raise DataError(f"no column {name} in the data; {suggest(name, tuple(table.column_names))}")
    return plain(table.column(name))


_PROFILERS: Mapping[str, Callable[[pa.ChunkedArray, str], ColumnProfile]] = {
    "number": number_profile,
    "quantiles": quantile_profile,
    "category": category_profile,
    "time": time_profile,
    "presence": presence_profile,
}


def _column_profile(table: pa.Table, step: Step) -> ColumnProfile:
    kind: type[FeatureKind] = load(FEATURES, step.kind)
    column = column_of(table, step.column)
    family = kind.accepts(step.column, column.type)
    prepared = kind.prepare(column, kind.Options.model_validate(dict(step.settings)))
    try:
        return _PROFILERS[kind.profiled](prepared, family)
    except UnicodeDecodeError:
        raise DataError(f"column {step.column} holds text that is not UTF-8; write it again") from None


def _merge_targets(
    a: NumberProfile | CategoryProfile, b: NumberProfile | CategoryProfile
) -> NumberProfile | CategoryProfile:
    if isinstance(a, NumberProfile) and isinstance(b, NumberProfile):
        return merge_numbers(a, b)
    if isinstance(a, CategoryProfile) and isinstance(b, CategoryProfile):
        return merge_categories(a, b)
    raise DataError("profiles of different tasks cannot be merged")


def _merge_columns(a: ColumnProfile, b: ColumnProfile) -> ColumnProfile:
    match a, b:
        case NumberProfile(), NumberProfile():
            return merge_numbers(a, b)
        case CategoryProfile(), CategoryProfile():
            return merge_categories(a, b)
        case QuantileProfile(), QuantileProfile():
            return merge_quantiles(a, b)
        case TimeProfile(), TimeProfile():
            return merge_times(a, b)
        case PresenceProfile(), PresenceProfile():
            return merge_presence(a, b)
        case _:
            raise DataError("profiles of different kinds cannot be merged")
