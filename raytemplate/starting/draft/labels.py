"""The target of a survey's rows, in the form that metrics take."""

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
    """Rows from all over the files, with their target."""

    name: str
    """The target's column."""
    rows: pa.Table
    """The rows, with all readable columns."""
    values: Floats
    """float64 [rows]: the target's number, or its index in `classes`."""
    classes: tuple[str, ...]
    """The target's classes, as `data.positive` writes them; empty for numbers."""
    metric: Metric
    """The deciding metric."""

    def some(self) -> NDArray[np.int64]:
        """Indices of enough rows to judge each column alone; fewer if there are many columns."""
        most = max(_LEAST_JUDGED, min(MAX_ROWS, _MOST_JUDGED // self.rows.num_columns))
        return evenly(len(self.values), most)

    @property
    def num_classes(self) -> int:
        """Number of the target's classes; 0 for numbers."""
        return len(self.classes)


def labels_of(found: Survey, learning: Learning) -> Labels:
    """The sampled rows whose target can be learnt."""
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
