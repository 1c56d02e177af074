"""Columns that group the rows, and means of the target by them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.missing import null_where_missing
from raytemplate.starting.draft.labels import Labels
from raytemplate.starting.draft.later_rows import LaterRows, runs
from raytemplate.starting.survey.roles import Role

pc: Any = pyarrow.compute

_MOST_GROUPINGS = 12
_TICKS = 1e15
_AS_MEAN = 0.02


class Groups:
    """Means of the target by each column that groups the rows. A column equal to such a mean was made from all rows."""

    def __init__(self, roles: Sequence[Role], labels: Labels, time: str) -> None:
        self._labels = labels
        self.codes: dict[str, NDArray[np.int64]] = {}
        for role in roles:
            if role.use not in ("target", "time", "text") and role.column.type in ("text", "integer", "boolean"):
                codes = self._coded(role.column.name)
                if 2 < codes.max() + 1 <= len(codes) / 2 and len(self.codes) < _MOST_GROUPINGS:
                    self.codes[role.column.name] = codes
        self.later = LaterRows(labels, time, self.codes)
        self._has_time = bool(time)

    def _coded(self, name: str) -> NDArray[np.int64]:
        values = null_where_missing(self._labels.rows.column(name)).combine_chunks()
        return values.dictionary_encode(null_encoding="encode").indices.to_numpy().astype(np.int64)

    def in_blocks(self, values: Any) -> Any:
        """Numbers that rise or fall with the order of the rows, turned into times if there is no time column, so that
        `explained` does not predict a row from its neighbours. Not for classes: in a file sorted by class, such a
        column does tell the class."""
        numbers = pc.fill_null(values.cast(pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
        if self._has_time or self._labels.num_classes or not np.isfinite(numbers).all() or not runs(np.diff(numbers)):
            return values
        span = float(np.ptp(numbers))
        ticks = ((numbers / span - numbers.min() / span) * _TICKS).astype(np.int64)
        return pa.chunked_array([pa.array(ticks, pa.timestamp("us"))])

    def mean_of(self, name: str) -> str:
        """If a column is the mean or the sum of the target by another column, the reason to leave it out; else ""."""
        column = null_where_missing(self._labels.rows.column(name))
        if self._labels.num_classes > 2 or not pa.types.is_floating(column.type) or column.null_count:
            return ""
        values, target = column.cast(pa.float64()).to_numpy(), self._labels.values
        if not np.isfinite(values).all():
            return ""
        for group, codes in self.codes.items():
            rows = np.bincount(codes)
            value = np.bincount(codes, weights=values) / rows
            if np.abs(values - value[codes]).max() > 1e-9 * max(1.0, float(np.abs(values).max())):
                continue  # not the same in all rows of a group
            total = np.bincount(codes, weights=target)
            for what, of in (("mean", total / rows), ("sum", total)):
                if of.std() > 0 and np.median(np.abs(value - of)) <= _AS_MEAN * of.std() and len(rows) > 4:
                    return f"the {what} of {self._labels.name} by {group} over all rows, each row's own included"
        return ""
