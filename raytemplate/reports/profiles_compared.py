"""What the raw columns of two runs' train windows have that the other's have not, column by column."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from raytemplate.records.profiled import ColumnSummary, WindowProfile
from raytemplate.reports.profile_shown import missing_text, number_text, percent_text, short_value

_MOST_VALUES = 3
_LEAST_ROWS, _MOST_NAMED = 10, 20
"""Fewest rows of a value that a profile names, and the most values that it names of a column."""
_LEAST_SHARE = 0.001
"""Smallest share of the rows of a value that is told as new or vanished."""
_MOST = 10.0
"""Greatest size of a difference in a statistic; above it are only columns that are gone, new or of another type."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """One statistic of a column that differs."""

    what: str
    """The statistic, such as "mean" or "frequent values"."""
    first: str
    """Its value in the first run; "-" if it was absent."""
    second: str
    """Its value in the second run; "-" if it was absent."""
    size: float
    """How far apart they are: shares from 0 to 1, means and medians in standard deviations, ratios as logarithms."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnShift:
    """One column that differs."""

    column: str
    """The column's name."""
    shifts: tuple[Shift, ...]
    """What differs in it."""

    @property
    def size(self) -> float:
        """The greatest of its differences."""
        return max(shift.size for shift in self.shifts)


def column_shifts(first: WindowProfile, second: WindowProfile) -> tuple[ColumnShift, ...]:
    """The columns that differ as far as `profile` shows their statistics, those that differ most first."""
    names = [*first.columns, *(name for name in second.columns if name not in first.columns)]
    compared = (
        ColumnShift(column=name, shifts=tuple(_shifts(first.columns.get(name), second.columns.get(name))))
        for name in names
    )
    return tuple(sorted((one for one in compared if one.shifts), key=lambda one: -one.size))


def _shifts(a: ColumnSummary | None, b: ColumnSummary | None) -> Iterator[Shift]:
    if a is None or b is None or a.type != b.type:
        yield Shift(what="type", first=a.type if a else "-", second=b.type if b else "-", size=2 * _MOST)
        if a is None or b is None:
            return
    gone = abs(a.share_null - b.share_null)
    yield from _shift("missing", missing_text(a) or "none", missing_text(b) or "none", gone)
    yield from _numbers(a, b)
    yield from _distinct(a, b)
    yield from _frequent(a, b)


def _shift(what: str, first: str, second: str, size: float) -> Iterator[Shift]:
    if first != second:
        yield Shift(what=what, first=first, second=second, size=min(size, _MOST))


def _numbers(a: ColumnSummary, b: ColumnSummary) -> Iterator[Shift]:
    """Mean, standard deviation and median of two columns of numbers."""
    if a.mean is None or b.mean is None or a.deviation is None or b.deviation is None:
        return
    spread = math.sqrt((a.deviation**2 + b.deviation**2) / 2)
    yield from _shift("mean", number_text(a.mean), number_text(b.mean), _ratio(abs(a.mean - b.mean), spread))
    yield from _shift("std", number_text(a.deviation), number_text(b.deviation), _times(a.deviation, b.deviation))
    if a.percentiles and b.percentiles:
        low, high = a.percentiles[50], b.percentiles[50]
        yield from _shift("median", number_text(low), number_text(high), _ratio(abs(low - high), spread))


def _ratio(distance: float, spread: float) -> float:
    return distance / spread if spread else _MOST


def _times(a: float, b: float) -> float:
    return abs(math.log(a / b)) if a and b else _MOST


def _distinct(a: ColumnSummary, b: ColumnSummary) -> Iterator[Shift]:
    """Distinct values; estimates that are within 2 % of each other are the same.

    More rows may bring more distinct values: only what is beyond their ratio counts as a difference in size.
    """
    is_close = not (a.is_counted and b.is_counted) and math.isclose(a.num_distinct, b.num_distinct, rel_tol=0.02)
    if a.type == "other" or is_close:
        return
    grown = math.log(max(b.num_distinct, 1) / max(a.num_distinct, 1))
    rows = math.log(max(b.num_rows - b.num_null, 1) / max(a.num_rows - a.num_null, 1))
    beyond = max(0.0, grown - max(rows, 0.0), min(rows, 0.0) - grown)
    first, second = (f"{'' if one.is_counted else 'about '}{one.num_distinct:,}" for one in (a, b))
    yield from _shift("distinct", first, second, beyond)


def _frequent(a: ColumnSummary, b: ColumnSummary) -> Iterator[Shift]:
    """Values that are frequent in one and not in the other."""
    gone, new = _only_in(a, b), _only_in(b, a)
    if gone or new:
        size = sum(share for found in (gone, new) for _, share in found)
        yield from _shift("frequent values", _values(gone) or "-", _values(new) or "-", size)


def _only_in(a: ColumnSummary, b: ColumnSummary) -> list[tuple[str, float]]:
    """Frequent values of `a` with their shares, whose share in `b` is at most half of that."""
    if not a.num_rows or not b.num_rows:
        return []
    named = {one.value for one in b.most_frequent}
    # A value that `b` does not name has no more rows than its rarest named one if the list is full, else too few.
    least = b.most_frequent[-1].num_rows if len(named) >= _MOST_NAMED else _LEAST_ROWS
    found = [(one.value, one.num_rows / a.num_rows) for one in a.most_frequent if one.value not in named]
    return [(value, share) for value, share in found if share >= max(2 * least / b.num_rows, _LEAST_SHARE)]


def _values(found: Sequence[tuple[str, float]]) -> str:
    shown = [f"{short_value(value)} {percent_text(share)}" for value, share in found[:_MOST_VALUES]]
    more = len(found) - _MOST_VALUES
    return ", ".join([*shown, *([f"{more:,} more"] if more > 0 else [])])
