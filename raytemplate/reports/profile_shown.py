"""Raw profiles for a terminal: a table for each window, one line a column."""

from collections.abc import Sequence
from datetime import datetime

from raytemplate.records.profiled import ColumnSummary, DataProfile, Period, WindowProfile
from raytemplate.reports.layout import table
from raytemplate.units import count, show_moment

_MOST_VALUES, _MOST_CHARS, _MOST_NAME = 3, 18, 24
_VALUES = "least .. quartiles .. greatest, or most frequent"
_FEW = 10
"""Most distinct numbers whose frequencies tell more than their quantiles."""


def profile_text(
    profile: DataProfile, title: str, as_of: datetime | None, drop: str, num_files: int, num_kept: int
) -> str:
    """Everything about every window.

    Args:
        title: what was profiled.
        num_kept: files that were not read because their profiles were kept.
    """
    head = f"{title}   as of {show_moment(as_of)} UTC" if as_of else title
    windows = (_window(window, profile, drop) for window in profile.windows)
    return "\n\n".join((head, *windows, files_text(num_files, num_kept)))


def files_text(num_files: int, num_kept: int) -> str:
    """How many files were read, and how many were not."""
    if not num_kept:
        return f"Profiled {count(num_files, 'file')}."
    read = num_files - num_kept
    return f"{count(num_files, 'file')}: {num_kept:,} profiled before and not read again, {read:,} read now."


def _window(window: WindowProfile, profile: DataProfile, drop: str) -> str:
    span = f"  {show_moment(window.start)} .. {show_moment(window.end)}" if window.start and window.end else ""
    dropped = f"; {window.num_dropped:,} dropped: {drop}" if window.num_dropped else ""
    rows = [("column", "type", "missing", "distinct", _VALUES)]
    rows += [_column(name, column) for name, column in window.columns.items()]
    shown = table(rows, gaps=(2, 2, 2, 3), right=(2, 3), most={0: _MOST_NAME})
    head = f"{window.name}{span}  {count(window.num_rows, 'row')}{dropped}"
    told = target_text(tuple(window.periods.values()), profile.target, profile.task)
    return "\n".join([head, *([f"  {told}"] if told else []), shown])


def target_text(periods: Sequence[Period], target: str, task: str) -> str:
    """The mean target, or the share of each class; "" if neither is known."""
    num_known = sum(period.num_known for period in periods)
    if num_known:
        mean = sum(period.total for period in periods) / num_known
        return f"{target}: {100 * mean:.1f} % yes" if task == "binary" else f"{target}: mean {number_text(mean)}"
    classes: dict[str, int] = {}
    for period in periods:
        for name, rows in (period.classes or {}).items():
            classes[name] = classes.get(name, 0) + rows
    total = sum(classes.values())
    shares = [f"{name} {100 * rows / total:.1f} %" for name, rows in sorted(classes.items(), key=lambda one: -one[1])]
    return f"{target}: {', '.join(shares[:_FEW])}" if shares else ""


def _column(name: str, column: ColumnSummary) -> tuple[str, ...]:
    distinct = f"{column.num_distinct:,}" if column.is_counted else f"about {column.num_distinct:,}"
    return name, column.type, missing_text(column), "" if column.type == "other" else distinct, values_text(column)


def missing_text(column: ColumnSummary) -> str:
    """The percentage of missing values; "" if there are none."""
    share = 100 * column.share_null
    if not column.num_null:
        return ""
    return f"{share:.1f} %" if share >= 0.1 else "under 0.1 %"


def values_text(column: ColumnSummary) -> str:
    """The range and quantiles of numbers, the range of times, the most frequent of other values."""
    if column.oldest and column.newest:
        return f"{show_moment(column.oldest)} to {show_moment(column.newest)}"
    if column.percentiles and column.num_distinct > _FEW and column.mean is not None:
        at = column.percentiles
        low, high = number_text(column.min or 0.0), number_text(column.max or 0.0)
        middle = f"{number_text(at[25])} | {number_text(at[50])} | {number_text(at[75])}"
        return (
            f"{low} .. {middle} .. {high}, mean {number_text(column.mean)}, sd {number_text(column.deviation or 0.0)}"
        )
    shares = [f"{short_value(v.value)} {percent_text(v.num_rows / column.num_rows)}" for v in column.most_frequent]
    return ", ".join(shares[:_MOST_VALUES]) if shares else _rare(column)


def _rare(column: ColumnSummary) -> str:
    """The text for a column whose values have fewer than 10 rows each."""
    if column.min is not None and column.max is not None:
        return f"{number_text(column.min)} .. {number_text(column.max)}"
    if column.mean_length is None:
        return ""
    return f"each in few rows; {column.shortest} to {column.longest} characters, {column.mean_length:.0f} on average"


def number_text(value: float) -> str:
    """A number to four digits, or to all before the point: those of a key matter. 2013 has no separator: it is a year
    more often than a count."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def percent_text(share: float) -> str:
    """A share from 0 to 1 as a percentage."""
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1f} %" if share >= 0.001 else "under 0.1 %"


def short_value(text: str) -> str:
    """The beginning of a long value."""
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 3]}..."
