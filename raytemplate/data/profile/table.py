"""The profile of a table: of each column, and of the target by time. Merged like those of its columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from raytemplate.data.options import Task
from raytemplate.data.profile.by_time import by_time, merge_periods
from raytemplate.data.profile.column import NOTHING, ColumnProfile, column_profile, merge
from raytemplate.data.target import add_target, baseline_target
from raytemplate.errors import DataError
from raytemplate.records.profiled import Period


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What of a table is profiled."""

    columns: tuple[str, ...]
    """The columns."""

    time: str = ""
    """Column by which the target is followed; "" for none."""

    target: str = ""
    """The target as the template names it; "" for none."""

    task: Task = "regression"
    """What the target is."""

    positive: str = ""
    """Target value of the positive class; "" if the target needs none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableProfile:
    """The profile of some rows."""

    num_rows: int
    """Rows that are profiled."""

    num_dropped: int = 0
    """Rows besides these that `data.drop` took out."""

    columns: Mapping[str, ColumnProfile]
    """Column -> its profile."""

    periods: Mapping[str, Period] = field(default_factory=dict[str, Period])
    """Day, month or year in UTC, such as "2013-01-31" -> its rows and their target. Without a time all rows are in
    "". Empty without a target."""


def table_profile(table: pa.Table, asked: Asked, num_dropped: int = 0) -> TableProfile:
    """The profile of a table's rows.

    Raises:
        DataError: a time is outside the years 1 to 9999, or the target does not fit the task.
    """
    columns = {name: _profile(name, table.column(name)) for name in asked.columns}
    periods = _periods(table, asked) if asked.target and table.num_rows else {}
    return TableProfile(num_rows=table.num_rows, num_dropped=num_dropped, columns=columns, periods=periods)


def merge_tables(parts: Sequence[TableProfile], columns: Iterable[str]) -> TableProfile:
    """The profile of all parts.

    Args:
        columns: the columns, also if there are no parts.

    Raises:
        DataError: a column has different types in different parts.
    """
    return TableProfile(
        num_rows=sum(part.num_rows for part in parts),
        num_dropped=sum(part.num_dropped for part in parts),
        columns={name: _merged(name, [part.columns[name] for part in parts]) for name in columns},
        periods=merge_periods([part.periods for part in parts]),
    )


def _profile(name: str, column: Any) -> ColumnProfile:
    try:
        return column_profile(column)
    except DataError as error:
        raise DataError(f"column {name}: {error.what}", next_step="give files without such times") from error


def _merged(name: str, parts: Sequence[ColumnProfile]) -> ColumnProfile:
    try:
        return parts[0] if len(parts) == 1 else merge(NOTHING, *parts)
    except DataError as error:
        raise DataError(f"column {name}: {error.what}", next_step=error.next_step) from error


def _periods(table: pa.Table, asked: Asked) -> Mapping[str, Period]:
    known = table if asked.target in table.column_names else add_target(table, asked.target)
    rows = baseline_target(known, asked.target, asked.task, asked.positive)
    times = table.column(asked.time) if asked.time else None
    return by_time(times, rows.column(asked.target))
