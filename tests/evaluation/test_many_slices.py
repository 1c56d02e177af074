"""Slices: exactly the draws that contain their rows count, and many slices take only seconds."""

import time

import numpy as np
import pyarrow as pa
import pytest

from raytemplate.evaluation.intervals import draw_counts, widening
from raytemplate.evaluation.slices import score_slices, slice_values


def column(values):
    return slice_values(pa.chunked_array([pa.array(values)]))


def test_draws_without_rows_of_a_slice_are_left_out():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(6), 50)
    rare = np.isin(groups, (0, 4)) & (rng.random(300) < 0.3)
    target, found = rng.normal(size=300), rng.normal(size=300)
    slices = score_slices(
        target=target,
        groups=groups,
        predictions={"candidate": found},
        metrics=("mae",),
        seed=5,
        num_resamples=400,
        columns={"kind": column(np.where(rare, "rare", "common"))},
    )
    one = next(one for one in slices if one.value == "rare").candidate["mae"].estimate
    by_hand = []
    for counts in draw_counts(6, 400, 5):
        weights = counts[groups] * rare
        if weights.sum():
            by_hand.append(np.average(np.abs(target - found), weights=weights))
    assert len(by_hand) < 400
    low, high = np.quantile(by_hand, (0.025, 0.975))
    value = np.abs(target - found)[rare].mean()
    assert one.value == pytest.approx(value)
    assert one.low == pytest.approx(value - widening(2) * (value - low))
    assert one.high == pytest.approx(value + widening(2) * (high - value))


def test_150_slices_of_300_000_rows_take_seconds():
    rng = np.random.default_rng(0)
    rows = 300_000
    target = rng.normal(size=rows)
    columns = {name: column([f"{n:02}" for n in rng.integers(0, 50, rows)]) for name in "abc"}
    predictions = {name: target + rng.normal(size=rows) for name in ("candidate", "champion")}
    started = time.process_time()
    slices = score_slices(
        target=target,
        groups=rng.integers(0, 14, rows),
        predictions=predictions,
        columns=columns,
        metrics=("mae", "rmse", "r2"),
    )
    took_s = time.process_time() - started  # of this process: the others on a busy machine do not count
    assert len(slices) == 150 and sum(one.num_rows for one in slices) == 3 * rows
    assert took_s < 10  # about 1 s
