"""Columns that repeat another one: the same values, the same values under other names, or a part of a time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.missing import null_where_missing
from raytemplate.evaluation.alone import evenly
from raytemplate.starting.survey.facts import ColumnFacts

pc: Any = pyarrow.compute

_MOST_ROWS, _ROWS_OF_TIMES, _LEAST_ROWS = 20_000, 2_000, 20
_NEARLY_ALL, _OF_THE_RARER = 0.95, 0.9
_HOURS = range(-14, 15)
"""Time zones that a column may be written in, as hours from the zone of the other column."""
_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?Z?$"
_PARTS = {
    "year": pc.year, "month": pc.month, "day": pc.day, "hour": pc.hour, "minute": pc.minute,
    "weekday": pc.day_of_week, "day of the year": pc.day_of_year, "week": pc.iso_week,
}  # fmt: skip


def said_twice(columns: Sequence[ColumnFacts], sample: pa.Table, time: str) -> dict[str, str]:
    """Column -> why it tells nothing new. The first of two equal columns is kept; of times, the one that windows use.

    Args:
        columns: the columns that could be features, and the time column.
        time: the time column that the user named, "" for none.
    """
    found = _parts_of_times(columns, _some(sample, _ROWS_OF_TIMES), time)
    rows, seen = _some(sample, _MOST_ROWS), dict[object, str]()
    for column in columns:
        if column.name == time or column.name in found:
            continue
        for key in _fingerprints(column, null_where_missing(rows.column(column.name)).combine_chunks()):
            if (first := seen.setdefault(key, column.name)) != column.name:
                found.setdefault(column.name, f"tells the same as {first}")
    return found


def _some(sample: pa.Table, most: int) -> pa.Table:
    return sample.take(pa.array(evenly(sample.num_rows, most)))


def _fingerprints(column: ColumnFacts, values: Any) -> Iterator[object]:
    """Keys that columns share if they tell the same."""
    if column.type == "other" or len(values) < _LEAST_ROWS:
        return
    coded = values.dictionary_encode()
    if len(coded.dictionary) < 2:
        return
    if len(coded.dictionary) <= len(values) / 2:  # if all values differ, any column determines any other
        yield "coded", pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).tobytes()
    elif column.type == "text":
        yield "texts", tuple(values.to_pylist())
    if column.type in ("number", "integer"):
        yield "numbers", values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).tobytes()


def _parts_of_times(columns: Sequence[ColumnFacts], rows: pa.Table, time: str) -> dict[str, str]:
    found: dict[str, str] = {}
    times = sorted((c.name for c in columns if c.type == "time"), key=lambda name: name != time)
    for name in times:
        if name in found:
            continue
        parts = _Parts.of(_clock(null_where_missing(rows.column(name))))
        for column in columns:
            if column.name not in (name, time, *found) and (part := _part(column, rows, parts)):
                found[column.name] = f"{part} of {name}"
    return found


class _Parts:
    """The parts of times in each zone, part -> float64 [zones, rows] with NaN for missing times; and the moments."""

    def __init__(self, numbers: Mapping[str, NDArray[np.float64]], moments: NDArray[np.float64]) -> None:
        self.numbers, self.moments = numbers, moments

    @classmethod
    def of(cls, clock: Any) -> "_Parts":
        zones = [pc.add(clock, pa.scalar(hours * 3_600, pa.duration("s"))) for hours in _HOURS]
        numbers = {part: np.stack([_floats(of(zone)) for zone in zones]) for part, of in _PARTS.items()}
        numbers["weekday, from 1,"] = numbers["weekday"] + 1
        return cls(numbers, np.stack([_floats(zone.cast(pa.int64())) for zone in zones]))


def _part(column: ColumnFacts, rows: pa.Table, parts: _Parts) -> str:
    """Which part of a time a column is: "the hour"; for a text or another time, "the day" or "the time"; else ""."""
    values = null_where_missing(rows.column(column.name))
    if column.type == "text" and column.values is not None and len(column.values) in (7, 12):
        return _name_of(values, parts)
    if column.whole and column.range:
        return _number_of(_floats(values), parts)
    times = _as_times(values) if column.type == "text" else _clock(values) if column.type == "time" else None
    if times is None:
        return ""
    moments, day = _floats(times.cast(pa.int64())), 86_400
    if _agree(parts.moments, moments, both=False):
        return "the time"
    return "the day" if _agree(parts.moments // day * day, moments, both=False) else ""


def _name_of(values: Any, parts: _Parts) -> str:
    """Which part a text names: "the weekday", "the month", else ""."""
    codes = _floats(values.combine_chunks().dictionary_encode().indices)
    for part in ("weekday", "month"):
        numbers = parts.numbers[part][_HOURS.index(0)]
        there = np.isfinite(codes) & np.isfinite(numbers)
        pairs = set(zip(codes[there], numbers[there], strict=True))
        if len(pairs) == len({code for code, _ in pairs}) == len({number for _, number in pairs}) > 1:
            return f"the {part}"
    return ""


def _number_of(values: NDArray[np.float64], parts: _Parts) -> str:
    """Which part a number is, else "". Hours may be off by one for half of the year, because of daylight saving."""
    return next((f"the {p}" for p, found in parts.numbers.items() if _agree(found, values, both=p == "hour")), "")


def _agree(found: NDArray[np.float64], values: NDArray[np.float64], *, both: bool) -> bool:
    """Whether values agree with one zone (or, with `both`, two neighbouring ones), also in the rows that do not have
    the most frequent value."""
    there = np.isfinite(values) & np.isfinite(found[0])
    if there.sum() < _LEAST_ROWS:
        return False
    found, values = found[:, there], values[there]
    if found[0].min() == found[0].max():
        return False
    different, counts = np.unique(values, return_counts=True)
    rarer = values != different[counts.argmax()]
    if not rarer.any():
        return False
    same = found == values
    if both:
        same = same[1:] | same[:-1]
    agree = (same.mean(axis=1) >= _NEARLY_ALL) & (same[:, rarer].mean(axis=1) >= _OF_THE_RARER)
    return bool(agree.any())


def _clock(times: Any) -> Any:
    return times.cast(pa.timestamp("s"), safe=False)


def _as_times(texts: Any) -> Any:
    """Texts as times if all of them follow ISO 8601, else None."""
    if not pc.all(pc.match_substring_regex(texts, _ISO)).as_py():
        return None
    try:
        return pc.replace_substring_regex(texts, r"Z$", "").cast(pa.timestamp("s"))
    except pa.ArrowInvalid:
        return None


def _floats(values: Any) -> NDArray[np.float64]:
    return pc.fill_null(values.cast(pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
