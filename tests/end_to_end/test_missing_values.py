"""Missing targets and missing numbers, from unprepared files to predictions."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import here

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("one_ray")]


@pytest.fixture
def sheet(tmp_path):
    """y is 10, 20, 30 for k 1, 2, 3 and 70 if k is missing; 60 of 3,000 labels are NaN, as polars writes them."""
    n = 3000
    k, y = 1.0 + np.arange(n) % 4, np.array([10.0, 20.0, 30.0, 70.0])[np.arange(n) % 4]
    y = y + np.random.default_rng(0).normal(size=n) * 4
    y[::50] = np.nan
    k = np.where(k == 4, np.nan, k)
    times = [dt.datetime(2024, 1, 1) + dt.timedelta(hours=h, minutes=7 * h % 60) for h in range(n)]
    pq.write_table(pa.table({"t": times, "k": pa.array(k), "y": pa.array(y)}), tmp_path / "s.parquet")
    new = {"t": times[:4], "k": pa.array([1.0, 2.0, 3.0, float("nan")])}
    pq.write_table(pa.table(new), tmp_path / "new.parquet")
    return tmp_path


@pytest.mark.slow
def test_the_draft_leaves_nan_labels_out_and_every_family_of_a_sweep_knows_a_missing_number(sheet):
    drafted = here("init", "p", "--data", "s.parquet", "--target", "y", "--time", "t", cwd=sheet)
    assert drafted.returncode == 0 and "60 missing are dropped" in drafted.stdout, drafted.stderr + drafted.stdout
    done = here("run", "s.yaml", "--as-of", "latest", "--set", "data.ingest=stream", cwd=sheet / "p")
    assert done.returncode == 0 and "60 dropped" in done.stderr, done.stderr + done.stdout
    space = ("tuning.space.model.kind=choice(lightgbm, linear)", "budget.trials=2", "tuning.search=grid")
    sets = [part for each in (*space, "governance.gates.beats-champion.min_gain=-100") for part in ("--set", each)]
    swept = here("run", "s.yaml", "--as-of", "latest", *sets, cwd=sheet / "p")
    assert swept.returncode == 0, swept.stderr + swept.stdout
    for version in ("/1", "/2"):
        scored = here("predict", f"s{version}", "../new.parquet", "../o.parquet", cwd=sheet / "p")
        assert scored.returncode == 0, scored.stderr
        assert pq.read_table(sheet / "o.parquet")["prediction"].to_pylist() == pytest.approx([10, 20, 30, 70], abs=4)
