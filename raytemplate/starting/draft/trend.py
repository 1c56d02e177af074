"""Whether the target has moved over the years, so that old rows teach what no longer holds."""

from typing import Any

import numpy as np
import pyarrow.compute

from raytemplate.starting.draft.labels import Labels

pc: Any = pyarrow.compute

_LEAST_MONTHS = 30
_GOES_WITH_TIME, _MOVED = 0.7, 0.5


def has_trend(labels: Labels, time: str) -> bool:
    """Whether monthly means of a number (or the share of one of two classes) correlate with time over three years or
    more and have moved by at least half of the target's standard deviation."""
    if labels.num_classes > 2:
        return False
    times = labels.rows.column(time)
    months: Any = pc.add(pc.multiply(pc.year(times), 12), pc.month(times))
    known = pc.is_valid(months).to_numpy()
    if known.sum() == 0:
        return False
    month, of = np.unique(months.filter(pc.is_valid(months)).to_numpy(), return_inverse=True)
    values = labels.values[known]
    deviation = values.std()
    if len(month) < _LEAST_MONTHS or month[-1] - month[0] < 36 or deviation == 0:
        return False
    means = np.bincount(of, weights=values) / np.bincount(of)
    if means.std() == 0:
        return False
    slope = np.polyfit(month.astype(np.float64), means, 1)[0]
    goes = abs(float(np.corrcoef(month, means)[0, 1]))
    return bool(goes >= _GOES_WITH_TIME and abs(slope) * (month[-1] - month[0]) >= _MOVED * deviation)
