"""Columns that are a mean or a sum of the target over later rows, such as the sales of the next seven days."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.evaluation.metrics.formula import Floats
from raytemplate.starting.draft.answers import Answers

pc: Any = pyarrow.compute

_LEAST_ROWS, _MOST_ROWS, _LONGEST, _MOST_GROUPINGS = 100, 16_000, 100, 4
_HINTS, _IS_MEAN = 0.3, 0.995
"""Correlations: from which a distance in rows is looked into, and of a column with what it then is."""


class LaterRows:
    """The rows in order of time, as they are and by each of a few columns that group them."""

    def __init__(self, answers: Answers, time: str, groups: Mapping[str, NDArray[np.int64]]) -> None:
        self._name, self._target = answers.name, answers.values
        self._orders: list[tuple[str, NDArray[np.int64], NDArray[np.int64]]] = []
        if not time or answers.num_classes > 2:
            return
        times = answers.rows.column(time).cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        moments = pc.fill_null(times, 0).to_numpy(zero_copy_only=False)
        for by, codes in (("", np.zeros(len(moments), np.int64)), *list(groups.items())[:_MOST_GROUPINGS]):
            order = np.lexsort((moments, codes))[:_MOST_ROWS]
            self._orders.append((by, order, codes[order]))

    def made_of(self, name: str, values: Any) -> str:
        """That a column of numbers is the mean of the target over the next rows (of the same group), or over those
        around its own; else "". A change of such a mean goes with the target that comes in, so many rows later."""
        column = pc.fill_null(values.cast(pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
        column = np.where(np.isfinite(column), column, np.nan)
        for by, order, group in self._orders:
            if by != name and (num_rows := _next_rows(column[order], self._target[order], group)):
                rows = f"{num_rows} next row{'s' if num_rows > 1 else ''}{f' of the same {by}' if by else ''}"
                return f"made of {self._name} in the {rows}"
        return ""


def _next_rows(column: Floats, target: Floats, group: NDArray[np.int64]) -> int:
    """How many later rows a column is the mean of; 0 for none."""
    change = np.diff(column, prepend=np.nan)
    known = np.isfinite(change)
    if known.sum() < _LEAST_ROWS or not change[known].any():
        return 0
    change, wanted = np.where(known, change - change[known].mean(), 0.0), target - target.mean()
    width = 1 << (len(target) + _LONGEST).bit_length()  # of a power of two: quick
    both = np.fft.irfft(np.conj(np.fft.rfft(change, width)) * np.fft.rfft(wanted, width), width)[1 : _LONGEST + 1]
    together = np.abs(both) / np.sqrt(float(change @ change) * float(wanted @ wanted))
    after = int(together.argmax()) + 1
    if together[after - 1] < _HINTS:
        return 0
    spans = ((1, after), (0, after), (-after, after))
    return after if any(_goes_with(column, target, group, *span) for span in spans) else 0


def _goes_with(column: Floats, target: Floats, group: NDArray[np.int64], first: int, last: int) -> bool:
    """Whether a column goes with the sum of the target from the row `first` further on to the row `last` further on."""
    rows = np.arange(max(0, -first), len(target) - last)
    total = np.append(0.0, np.cumsum(target))
    sums = total[rows + last + 1] - total[rows + first]
    fits = (group[rows + last] == group[rows + min(first, 0)]) & np.isfinite(column[rows])
    a, b = column[rows][fits], sums[fits]
    if len(a) < _LEAST_ROWS or a.std() == 0 or b.std() == 0:
        return False
    return abs(float(np.corrcoef(a, b)[0, 1])) >= _IS_MEAN
