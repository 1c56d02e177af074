from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from raytemplate.evaluation.columns import column_evidence
from raytemplate.evaluation.metrics.metric import metric_of
from raytemplate.records.evaluated import ColumnEvidence

ROWS = 3_000
DRAWN = np.random.default_rng(5)
USED, SPARE, TARGET_NOISE = DRAWN.normal(size=(3, ROWS))
TARGET = 3 * USED + TARGET_NOISE
TABLE = pa.table({"used": USED, "spare": SPARE})
DAYS = np.arange(ROWS) * 30 // ROWS


def linear(rows: Any) -> Any:
    return 3 * rows.column("used").to_numpy()


def looked_at(predict: Any = linear, limit_s: float = 60.0, metric: str = "rmse") -> dict[str, ColumnEvidence]:
    found = column_evidence(
        TABLE, TARGET, DAYS, predict, columns=("used", "spare"), metric=metric_of(metric), num_classes=0,
        num_resamples=200, seed=1, limit_s=limit_s,
    )  # fmt: skip
    return {one.column: one for one in found}


@pytest.mark.parametrize("metric", ["rmse", "r2"], ids=["lower is better", "higher is better"])
def test_a_column_that_the_model_uses_is_important_and_another_is_not(metric: str):
    found = looked_at(metric=metric)
    used, spare = found["used"].importance, found["spare"].importance
    assert used and spare
    assert 0 < used.low <= used.value <= used.high
    assert (spare.value, spare.low, spare.high) == (0, 0, 0)


def test_a_column_explains_alone_what_it_can_out_of_sample():
    found = looked_at()
    assert found["used"].explained == pytest.approx(1 - 1 / np.sqrt(10), abs=0.03)
    assert found["spare"].explained == pytest.approx(0, abs=0.03)


def test_a_model_that_is_too_slow_leaves_importance_unmeasured():
    assert {one.importance for one in looked_at(None).values()} == {None}


def test_without_time_nothing_is_measured_and_every_column_is_named():
    assert looked_at(limit_s=0) == {name: ColumnEvidence(column=name) for name in ("used", "spare")}


def test_the_same_rows_and_seed_give_the_same_evidence():
    assert looked_at() == looked_at()
