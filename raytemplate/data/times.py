"""Columns of times as whole numbers of their own unit, so that bounds are exact. A time without an offset is UTC."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.errors import DataError

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS_PER_S = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_US_PER_DAY = 86_400_000_000


def is_time(kind: Any) -> bool:
    """Whether an Arrow type can be cut into windows: a timestamp or a date."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date32(kind))


def first_of_years(column: Any) -> Any:
    """Years as whole numbers [rows] -> the first moment of each year.

    Raises:
        pa.ArrowInvalid: a number is not a year of four digits.
    """
    return pc.strptime(column.cast(pa.string()), format="%Y", unit="us")


def to_moment(ticks: int, kind: Any) -> datetime:
    """The UTC time of a raw value of an Arrow time type, truncated to microseconds.

    Raises:
        DataError: the time is outside the years 1 to 9999.
    """
    micros = ticks * _US_PER_DAY if pa.types.is_date32(kind) else ticks * 10**6 // _TICKS_PER_S[kind.unit]
    try:
        return EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        raise DataError(f"a time of {ticks} {kind} since 1970 is outside the years 1 to 9999") from None


def bound(moment: datetime, kind: Any) -> Any:
    """The smallest value of an Arrow time type that is not before `moment`, as a scalar of that type."""
    micros = (moment - EPOCH) // timedelta(microseconds=1)
    if pa.types.is_date32(kind):
        return pa.scalar(-(-micros // _US_PER_DAY), kind)
    ticks = -(-micros * _TICKS_PER_S[kind.unit] // 10**6)
    # A window without a lower bound starts in the year 1, which nanoseconds cannot reach: use their first moment.
    return pa.scalar(min(max(ticks, -(2**63) + 1), 2**63 - 1), kind)


def between(column: pa.ChunkedArray, start: datetime, end: datetime) -> pa.ChunkedArray:
    """True where start <= time < end; null where the time is null. `column`: timestamps or dates [rows]."""
    after: Any = pc.greater_equal(column, bound(start, column.type))
    return pc.and_(after, pc.less(column, bound(end, column.type)))


def time_range(column: pa.ChunkedArray) -> tuple[datetime | None, datetime | None]:
    """Oldest and newest time of a column; (None, None) if it has no times."""
    found: Any = pc.min_max(column)
    low, high = (_ticks(found[name], column.type) for name in ("min", "max"))
    return (None, None) if low is None or high is None else (to_moment(low, column.type), to_moment(high, column.type))


MOST_BINS = 400
"""Most days of a row group whose rows are counted by day; beyond that they are counted by month or year."""


def rows_by_time(column: pa.ChunkedArray) -> dict[str, int]:
    """Rows by day in UTC, such as {"2013-01-31": 24}; by month or year if there are more than `MOST_BINS` days."""
    found = rows_by_day(column)
    for length in (7, 4):
        if len(found) > MOST_BINS:
            longer: dict[str, int] = {}
            for name, rows in found.items():
                longer[name[:length]] = longer.get(name[:length], 0) + rows
            found = longer
    return found


def rows_by_day(column: pa.ChunkedArray) -> dict[str, int]:
    """Rows by day in UTC, such as {"2013-01-31": 24}."""
    counted = pc.value_counts(utc_days(column).drop_null())
    names = [str(EPOCH.date() + timedelta(days=day)) for day in counted.field("values").cast(pa.int32()).to_pylist()]
    return dict(zip(names, counted.field("counts").to_pylist(), strict=True))


def utc_moments(column: Any) -> NDArray[np.datetime64]:
    """Times in UTC, datetime64[us] [rows], truncated to microseconds; NaT where there is none."""
    kind: Any = pa.timestamp("us", getattr(column.type, "tz", None))
    return column.cast(kind, safe=False).cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]")


def utc_days(column: Any) -> Any:
    """The day of each time in UTC, rounded down even before 1970. Arrow's own cast gives the day in the time's zone."""
    if pa.types.is_date32(column.type):
        return column
    ticks_per_day = _US_PER_DAY // 10**6 * _TICKS_PER_S[column.type.unit]
    ticks = column.cast(pa.int64())
    days = pc.divide(ticks, ticks_per_day)
    early = pc.and_(pc.less(ticks, 0), pc.not_equal(pc.multiply(days, ticks_per_day), ticks))
    return pc.subtract(days, early.cast(pa.int64())).cast(pa.int32()).cast(pa.date32())


def _ticks(scalar: Any, kind: Any) -> int | None:
    return scalar.cast(pa.int32()).cast(pa.int64()).as_py() if pa.types.is_date32(kind) else scalar.value


def row_times(table: Any, time: str) -> Any:
    """The time of each row, datetime64[us] [rows], UTC; all NaT if there is no column of times (`time` is "")."""
    if not time:
        return np.full(table.num_rows, np.datetime64("NaT"), "datetime64[us]")
    return utc_moments(table.column(time))
