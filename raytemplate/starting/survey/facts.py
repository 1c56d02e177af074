"""What one pass over all rows says of each column. Memory is bounded, whatever the number of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute

from raytemplate.data.features.kind import is_whole
from raytemplate.data.missing import null_where_missing
from raytemplate.data.times import is_time, time_range
from raytemplate.errors import DataError
from raytemplate.units import show_moment

pc: Any = pyarrow.compute

MOST_VALUES = 1_000
"""Different values of a column that are counted; past that only that there are more."""

_DAYS_OF_A_YEAR = 366

Value = str | bool | int | float


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnFacts:
    """One column.

    Args:
        type: as in `contract.columns`; "other" for what no feature can be made from.
        whole: numbers of which each is a whole one, whatever their type: pandas writes 3.0 where one is missing.
        min, max: numbers, whole ones as int where no float is the same; or times as text; None for text.
        values: value -> rows, where there are at most `MOST_VALUES`; else None.
        share_distinct: different values by values, in a sample; 1 where each is another one.
        words: words of a text on average, in a sample.
        parts: parts of a time that differ between rows and come again: of month, weekday, hour, in a sample.
    """

    name: str
    type: str
    whole: bool = False
    num_rows: int
    num_null: int
    min: int | float | str | None = None
    max: int | float | str | None = None
    values: Mapping[Value, int] | None = None
    share_distinct: float = 0.0
    words: float = 0.0
    parts: tuple[str, ...] = ()


@dataclass(kw_only=True, slots=True)
class Tally:
    """What has been seen of a column so far."""

    name: str
    kind: Any = field(default_factory=pa.null)
    num_rows: int = 0
    num_null: int = 0
    low: Any = None
    high: Any = None
    whole: bool = True
    values: Counter[Value] | None = field(default_factory=Counter[Value])

    def take(self, column: Any) -> None:
        """Some of its rows."""
        column = null_where_missing(column)
        self.kind = column.type
        there = column.drop_null()
        self.num_rows += len(column)
        self.num_null += len(column) - len(there)
        if not len(there):
            return
        self._take_range(there)
        if self.values is not None:
            self._take_values(there)

    def _take_range(self, there: Any) -> None:
        kind = there.type
        if is_time(kind):
            found = _time_range(there, self.name)
        elif pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
            both = pc.min_max(there).as_py()
            found = _exactly(both["min"]), _exactly(both["max"])
            if self.whole and not pa.types.is_integer(kind):
                self.whole = bool(pc.all(pc.equal(there, pc.floor(there))).as_py())
        else:
            return
        self.low = found[0] if self.low is None else min(self.low, found[0])
        self.high = found[1] if self.high is None else max(self.high, found[1])

    def _take_values(self, there: Any) -> None:
        if type_of(there.type) in ("time", "other"):
            self.values = None
            return
        counted = pc.value_counts(there)
        if len(counted) > MOST_VALUES or self.values is None:
            self.values = None
            return
        for one in counted.to_pylist():
            value = one["values"]
            self.values[value if isinstance(value, str | bool | int) else _exactly(value)] += one["counts"]
        if len(self.values) > MOST_VALUES:
            self.values = None

    def facts(self, sample: Any) -> ColumnFacts:
        """All that is known in the end. `sample`: some of the column's rows."""
        kind = type_of(self.kind)
        there = null_where_missing(sample).drop_null() if kind != "other" else pa.array([])
        return ColumnFacts(
            name=self.name, type=kind, whole=self.whole and kind in ("number", "integer"), num_rows=self.num_rows,
            num_null=self.num_null, min=_limit(self.low), max=_limit(self.high), values=self.values,
            share_distinct=len(there.unique()) / len(there) if len(there) else 0.0,
            words=_words(there) if kind == "text" else 0.0,
            parts=_parts(there, self.low, self.high) if kind == "time" and len(there) else (),
        )  # fmt: skip


def type_of(kind: Any) -> str:
    """An Arrow type as a contract calls it; "other" for what it has no word for."""
    if pa.types.is_dictionary(kind):
        return type_of(kind.value_type)
    tests = {
        "integer": is_whole, "number": lambda k: pa.types.is_floating(k) or pa.types.is_decimal(k),
        "text": lambda k: pa.types.is_string(k) or pa.types.is_large_string(k) or pa.types.is_string_view(k),
        "boolean": pa.types.is_boolean, "time": is_time,
    }  # fmt: skip
    return next((word for word, test in tests.items() if test(kind)), "other")


def _time_range(there: Any, name: str) -> tuple[datetime | None, datetime | None]:
    try:
        return time_range(there)
    except DataError as error:
        raise DataError(f"column {name}: {error.what}", next_step="give files without such times") from error


def _exactly(value: Any) -> int | float:
    """A number as a float if that is the same, else as int; so is the size of account numbers kept."""
    return float(value) if float(value) == value or value != int(value) else int(value)


def _limit(value: Any) -> int | float | str | None:
    return value if value is None or isinstance(value, int | float) else show_moment(value)


def _parts(times: Any, low: datetime, high: datetime) -> tuple[str, ...]:
    tests = {"month": pc.month, "weekday": pc.day_of_week, "hour": pc.hour}
    times = times.cast(pa.timestamp("us"), safe=False)
    differ = [part for part, of in tests.items() if len(of(times).unique()) > 1]
    return tuple(part for part in differ if part != "month" or (high - low).days > _DAYS_OF_A_YEAR)


def _words(texts: Any) -> float:
    return float(pc.mean(pc.count_substring(texts, " ")).as_py() or 0) + 1 if len(texts) else 0.0
