"""Columns are examined whichever rows have a label, however few they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from raytemplate.starting.draft.write import write_draft
from raytemplate.starting.survey.survey import Asked

RNG = np.random.default_rng(0)


def suspicious(folder, table, target, time=""):
    table.to_parquet(folder / "rows.parquet", row_group_size=50_000)
    _, draft = write_draft(folder / "p", Asked(data=str(folder / "rows.parquet"), target=target, time=time))
    return {role.column.name for role in draft.suspicious}


def test_a_leak_is_found_where_labels_stand_only_between_the_sampled_rows(tmp_path):
    rows = 300_000
    y = np.full(rows, np.nan)
    y[1::1_000] = RNG.normal(size=300)
    x = RNG.normal(size=rows)
    table = pd.DataFrame({"x": x, "copy": np.nan_to_num(y) + 0.01 * x, "honest": RNG.normal(size=rows), "y": y})
    assert suspicious(tmp_path, table, "y") == {"copy"}


def test_a_column_that_no_row_with_a_label_fills_is_no_leak(tmp_path):
    y = pd.Series(["yes", "no"] * 100 + [None] * 100)
    table = pd.DataFrame({"x": RNG.normal(size=300), "later": y.isna().where(y.isna()).astype(float), "y": y})
    table["later"] *= RNG.integers(1, 4, 300)
    assert not suspicious(tmp_path, table, "y")


@pytest.mark.parametrize("rows", [30, 40, 50, 100])
def test_noise_of_different_numbers_is_no_range_of_the_target(tmp_path, rows):
    table = pd.DataFrame({name: RNG.normal(size=rows) for name in "abcy"})
    assert not suspicious(tmp_path, table, "y")
