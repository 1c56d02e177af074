import itertools
import time
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
        TABLE,
        TARGET,
        DAYS,
        predict,
        columns=("used", "spare"),
        metric=metric_of(metric),
        num_classes=0,
        num_resamples=200,
        seed=1,
        limit_s=limit_s,
    )
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


def many(
    num_columns: int, predict: Any, limit_s: float, leak: str = "", clock: Any = time.monotonic
) -> tuple[dict[str, ColumnEvidence], float]:
    """The evidence of many columns of noise, and the seconds that it took; `leak` is a copy of the target."""
    noise = DRAWN.normal(size=(num_columns, 1_000))
    rows = pa.table({f"c{n}": each for n, each in enumerate(noise)})
    target = 10 * DRAWN.normal(size=1_000) if not leak else rows.column(leak).to_numpy() * 3
    began = time.monotonic()
    found = column_evidence(
        rows,
        target,
        np.arange(1_000) // 40,
        predict,
        columns=rows.column_names,
        metric=metric_of("rmse"),
        num_classes=0,
        num_resamples=200,
        seed=1,
        limit_s=limit_s,
        clock=clock,
    )
    return {one.column: one for one in found}, time.monotonic() - began


class Slow:
    """A model that is slow for each row, and counts the rows that it was asked for."""

    def __init__(self, row_s: float) -> None:
        self.row_s, self.asked = row_s, list[int]()

    def __call__(self, rows: Any) -> Any:
        self.asked.append(len(rows))
        time.sleep(self.row_s * len(rows))
        return np.zeros(len(rows))


def test_a_slow_model_with_many_columns_keeps_to_the_limit():
    model = Slow(row_s=5e-5)
    found, took_s = many(300, model, limit_s=1.0)
    assert took_s < 1.5
    assert max(model.asked) <= 8_000
    assert len(found) == 300 and any(one.importance for one in found.values())


def test_a_thousand_columns_keep_to_the_limit():
    found, took_s = many(1_000, None, limit_s=0.4)
    assert took_s < 0.9
    assert any(one.explained is None for one in found.values())


@pytest.mark.slow
def test_a_leak_far_behind_in_a_thousand_columns_is_looked_at_first():
    ticks = itertools.count()  # one for each column, screened or looked at
    found, _ = many(1_000, None, limit_s=1.5, leak="c700", clock=lambda: next(ticks) / 1000)
    assert [one.explained is None for one in found.values()].count(True) > 200
    assert (found["c700"].explained or 0) >= 0.98


def test_no_column_is_asked_after_when_the_time_was_used_up():
    model = Slow(row_s=0)
    _, took_s = many(300, model, limit_s=0.0)
    assert (model.asked, took_s < 0.5) == ([], True)


def test_time_that_importance_does_not_take_goes_to_columns_not_looked_at_yet():
    ticks = itertools.count()
    found, _ = many(60, lambda rows: np.zeros(len(rows)), limit_s=2.0, clock=lambda: next(ticks) / 100)
    assert all(one.explained is not None and one.importance for one in found.values())
