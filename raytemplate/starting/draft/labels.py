"""The target of the rows of a survey, as metrics take it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.missing import null_where_missing
from raytemplate.evaluation.alone import MAX_ROWS, evenly
from raytemplate.evaluation.metrics.formula import Floats
from raytemplate.evaluation.metrics.metric import Metric, metric_of
from raytemplate.starting.draft.learning import METRICS, Learning, class_text
from raytemplate.starting.survey.survey import Survey

pc: Any = pyarrow.compute

_LEAST_JUDGED, _MOST_JUDGED = 1_000, 300_000


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Labels:
    """Rows from all over the files with their target.

    Args:
        values: float64 [rows]: the number, or the index in `classes`.
        classes: of the target, as `data.positive` writes them; none for numbers.
        metric: the one that decides.
    """

    name: str
    rows: pa.Table
    values: Floats
    classes: tuple[str, ...]
    metric: Metric

    def some(self) -> NDArray[np.int64]:
        """Rows enough to judge each column alone, fewer of them where there are many columns."""
        most = max(_LEAST_JUDGED, min(MAX_ROWS, _MOST_JUDGED // self.rows.num_columns))
        return evenly(len(self.values), most)

    @property
    def num_classes(self) -> int:
        """Classes of the target, 0 for numbers."""
        return len(self.classes)


def labels_of(found: Survey, learning: Learning) -> Labels:
    """Those of the sampled rows that have a target which can be learnt."""
    name, column = found.asked.target, null_where_missing(found.labelled_rows.column(found.asked.target))
    known: Any = column.is_valid()
    if learning.rare:
        known = pc.and_(known, pc.invert(pc.is_in(column, value_set=pa.array(learning.rare, column.type))))
    elif learning.task == "regression":
        known = pc.and_(known, pc.is_finite(column.cast(pa.float64(), safe=False)))
    rows = found.labelled_rows.filter(pc.fill_null(known, False))
    target = null_where_missing(rows.column(name)).combine_chunks()
    classes: tuple[str, ...] = ()
    if learning.task == "regression":
        values = target.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    else:
        coded = target.dictionary_encode()
        classes = tuple(map(class_text, coded.dictionary.to_pylist()))
        values = coded.indices.to_numpy().astype(np.float64)
    return Labels(name=name, rows=rows, values=values, classes=classes, metric=metric_of(METRICS[learning.task][0]))
