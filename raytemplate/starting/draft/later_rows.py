"""Columns that are a mean or a sum of the target over later rows, such as the sales of the next seven days."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.evaluation.metrics.formula import Floats
from raytemplate.starting.draft.labels import Labels

pc: Any = pyarrow.compute

_LEAST_ROWS, _MOST_ROWS, _LONGEST, _MOST_GROUPINGS = 100, 16_000, 100, 4
_HINTS, _IS_MEAN, _CHANGES_ALIKE = 0.3, 0.995, 0.5
"""Least correlations: for a distance in rows to be examined, and of a column with the sum that it is then taken for, by
value and by change. Changes count because anything seasonal correlates with any sum over a quarter."""
_ONE_WAY, _MOVES = 0.99, 0.02


class LaterRows:
    """The rows in order of time, as a whole and within each of a few grouping columns."""

    def __init__(self, labels: Labels, time: str, groups: Mapping[str, NDArray[np.int64]]) -> None:
        self._name, self._target, self._numbers = labels.name, labels.values, labels.num_classes <= 2
        self._orders: list[tuple[str, NDArray[np.int64], NDArray[np.int64]]] = []
        if not time:
            return
        times = labels.rows.column(time).cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        moments = pc.fill_null(times, 0).to_numpy(zero_copy_only=False)
        for by, codes in (("", np.zeros(len(moments), np.int64)), *list(groups.items())[:_MOST_GROUPINGS]):
            order = np.lexsort((moments, codes))
            self._orders.append((by, order, codes[order]))

    def made_of(self, name: str, values: Any) -> str:
        """The finding that a numeric column is the mean of the target over the next rows (of the same group), or over
        the rows around its own; else ""."""
        for by, column, target, group in self._ordered(name, values):
            if num_rows := _next_rows(column, target, group):
                rows = f"{f'{num_rows} rows' if num_rows > 1 else 'row'}{f' of the same {by}' if by else ''}"
                return f"made of {self._name} in the next {rows}"
        return ""

    def is_earlier(self, name: str, values: Any) -> bool:
        """Whether a column is the target of an earlier row, or its mean over earlier rows, without the row's own."""
        return any(
            _next_rows(column[::-1], target[::-1], group[::-1], with_own=False)
            for _, column, target, group in self._ordered(name, values)
        )

    def running(self, name: str, values: Any) -> NDArray[np.int64] | None:
        """Position of each row in order of time (within its group), int64 [rows], if the column only rises or only
        falls along it; None for other columns."""
        column = _floats(values)
        for by, order, group in self._orders:
            steps = np.diff(column[order])[group[1:] == group[:-1]]
            if by != name and runs(steps):
                position = np.empty(len(order), np.int64)
                position[order] = np.arange(len(order))
                return position
        return None

    def _ordered(self, name: str, values: Any) -> Iterator[tuple[str, Floats, Floats, NDArray[np.int64]]]:
        """(grouping column, column, target, group of each row) for each order."""
        column = _floats(values)
        for by, order, group in self._orders if self._numbers else ():
            if by != name:
                some = order[:_MOST_ROWS]
                yield by, column[some], self._target[some], group[:_MOST_ROWS]


def runs(steps: Floats) -> bool:
    """Whether the steps of a column from row to row all go in one direction."""
    steps = steps[np.isfinite(steps)]
    if len(steps) < _LEAST_ROWS or np.mean(steps != 0) < _MOVES:
        return False
    return bool(max(np.mean(steps >= 0), np.mean(steps <= 0)) >= _ONE_WAY)


def _floats(values: Any) -> Floats:
    found = pc.fill_null(values.cast(pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
    return np.where(np.isfinite(found), found, np.nan)


def _next_rows(column: Floats, target: Floats, group: NDArray[np.int64], *, with_own: bool = True) -> int:
    """How many later rows a column is the mean of; 0 for none. The second difference of such a mean correlates with
    the first difference of the target that many rows later, because that is the row which enters the mean.

    Args:
        with_own: whether it may also be the mean over its own row, or over rows on both sides.
    """
    change, wanted = _changes(column, group, 2), _changes(target, group, 1)
    if np.isfinite(change).sum() < _LEAST_ROWS:
        return 0
    change, wanted = _centred(change), _centred(wanted)
    size = np.sqrt(float(change @ change) * float(wanted @ wanted))
    if not 0 < size < np.inf:
        return 0
    width = 1 << (len(target) + _LONGEST).bit_length()  # a power of two makes the transform fast
    both = np.fft.irfft(np.conj(np.fft.rfft(change, width)) * np.fft.rfft(wanted, width), width)[1 : _LONGEST + 1]
    after = int(np.abs(both).argmax()) + 1
    if not abs(both[after - 1]) >= _HINTS * size:
        return 0
    spans = ((1, after), (after, after), (0, after), (-after, after)) if with_own else ((1, after), (after, after))
    return after if any(_goes_with(column, target, group, *span) for span in spans) else 0


def _changes(values: Floats, group: NDArray[np.int64], times: int) -> Floats:
    """Differences from row to row, taken `times` times, float64 [rows]; NaN where a group begins."""
    with np.errstate(all="ignore"):
        found = np.diff(values, times, prepend=np.full(times, np.nan))
    found[times:][group[times:] != group[:-times]] = np.nan
    return found


def _centred(changes: Floats) -> Floats:
    known = np.isfinite(changes)
    return np.where(known, changes - changes[known].mean(), 0.0) if known.any() else np.zeros(len(changes))


def _goes_with(column: Floats, target: Floats, group: NDArray[np.int64], first: int, last: int) -> bool:
    """Whether a column correlates with the sum of the target from `first` to `last` rows further on."""
    rows = np.arange(max(0, -first), len(target) - last)
    total = np.append(0.0, np.cumsum(target))
    sums = total[rows + last + 1] - total[rows + first]
    fits = (group[rows + last] == group[rows + min(first, 0)]) & np.isfinite(column[rows])
    a, b = column[rows][fits], sums[fits]
    # A periodic column correlates with later rows only because it correlates with its own row.
    if not _alike(a, b) >= max(_IS_MEAN, _alike(a, target[rows][fits])):
        return False
    changes = [_changes(values, group[rows][fits], 2) for values in (a, b)]
    known = np.isfinite(changes[0]) & np.isfinite(changes[1])
    return _alike(changes[0][known], changes[1][known]) >= _CHANGES_ALIKE


def _alike(a: Floats, b: Floats) -> float:
    """The absolute correlation; 0 if it is undefined or there are too few rows."""
    if len(a) < _LEAST_ROWS or not a.std() > 0 or not b.std() > 0:
        return 0.0
    return abs(float(np.corrcoef(a, b)[0, 1]))
