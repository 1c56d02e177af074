"""A bounded, evenly spaced sample of the test rows, and the evidence it gives about single columns."""

from typing import Any

import numpy as np
import pyarrow as pa

from raytemplate.data.features.encoding import target_values
from raytemplate.data.times import row_times
from raytemplate.evaluation.columns import MAX_ROWS, column_evidence
from raytemplate.evaluation.grouped import groups_of, unit_values
from raytemplate.evaluation.intervals import group_ids
from raytemplate.evaluation.metrics.formula import Groups
from raytemplate.evaluation.metrics.metric import metric_of
from raytemplate.models.saved import SavedModel
from raytemplate.planning.stages import EvaluateStage, GroupedBy, IngestStage
from raytemplate.records.evaluated import ColumnEvidence


class Sample:
    """Rows taken at equal steps from tables that are added one after another.

    Args:
        num_rows: number of rows of all tables together.
    """

    def __init__(self, model: SavedModel, evaluate: EvaluateStage, stage: IngestStage, num_rows: int) -> None:
        self._model, self._evaluate, self._stage = model, evaluate, stage
        self._num_rows, self._passed = num_rows, 0
        self._step = max(1, -(-num_rows // MAX_ROWS))
        self._taken: list[pa.Table] = []

    def add(self, table: Any) -> None:
        """Take a sample of the next table."""
        unit = self._evaluate.resample
        group = unit.column if isinstance(unit, GroupedBy) else ""
        names = dict.fromkeys((*self._model.features.columns, self._stage.target, self._stage.time, group))
        here = np.arange(-self._passed % self._step, len(table), self._step)
        self._taken.append(table.select([name for name in names if name]).take(pa.array(here)))
        self._passed += len(table)

    def evidence(self, scored_s: float, limit_s: float) -> tuple[ColumnEvidence, ...]:
        """Evidence about how each input column relates to the target.

        Args:
            scored_s: seconds that scoring all rows with all models took: a candidate that is too slow is not asked
                again.
            limit_s: seconds that this may take.
        """
        rows: Any = pa.concat_tables(self._taken)
        rows = rows.take(pa.array(np.argsort(row_times(rows, self._stage.time), kind="stable")))
        evaluate, features = self._evaluate, self._model.features
        slow = scored_s * len(rows) / max(1, self._num_rows) > limit_s
        return column_evidence(
            rows,
            target_values(rows, features),
            self._groups(rows),
            None if slow else lambda table: self._model.predict(table, masked=True)[0],
            columns=features.columns,
            metric=metric_of(evaluate.metric, evaluate.quantile),
            num_classes=len(features.classes),
            num_resamples=evaluate.num_resamples,
            seed=evaluate.seed,
            limit_s=limit_s,
            in_order=bool(self._stage.time),
        )

    def _groups(self, rows: Any) -> Groups:
        unit = self._evaluate.resample
        if isinstance(unit, GroupedBy):
            return groups_of(pa.chunked_array([unit_values(rows, unit.column)]))
        return group_ids(row_times(rows, self._stage.time), unit)
