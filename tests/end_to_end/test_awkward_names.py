"""Columns with awkward names go through `init`, `check`, `plan`, `run` and `predict` without any edits."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import here

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("one_ray")]
ROWS = 600


def table():
    random = np.random.default_rng(0)
    x = random.normal(size=ROWS)
    return pa.table(
        {
            "prediction": [f"C{row:05d}" for row in range(ROWS)],
            "model_version": random.integers(1, 4, ROWS),
            "ключ: 1": [f"K{row}" for row in range(ROWS)],
            "total amount": x,
            "a.b": x + random.normal(size=ROWS),
            'say "so"': random.normal(size=ROWS),
            "[x]": random.integers(0, 5, ROWS),
            "{j}: #": random.normal(size=ROWS),
            "a,b": ["pq"[row % 2] for row in range(ROWS)],
            "select": [None, *random.normal(size=ROWS - 1)],
            "time in bed": [None, *(2 * x[1:] + random.normal(size=ROWS - 1))],
        }
    )


def test_what_init_writes_over_awkward_names_runs_and_predicts(tmp_path):
    pq.write_table(table(), tmp_path / "rows.parquet")
    made = here("init", "p", "--data", "rows.parquet", "--target", "time in bed", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    text = (tmp_path / "p" / "rows.yaml").read_text()
    assert r'target: "\"time in bed\""' in text and r'drop: "\"time in bed\" is null"' in text
    assert 'keys: ["ключ: 1"]' in text
    checked = here("check", "rows.yaml", cwd=tmp_path / "p")
    assert (checked.returncode, checked.stdout.splitlines()[0]) == (0, "rows 0.1.0: no problems.")
    ran = here(
        "run",
        "rows.yaml",
        "--set",
        "model.num_trees=20",
        "--set",
        "training.early_stopping=5",
        "--set",
        'features.columns."a.b".transform=log',
        cwd=tmp_path / "p",
    )
    assert ran.returncode == 0, ran.stderr
    scored = here("predict", "rows", "../rows.parquet", "out.parquet", cwd=tmp_path / "p")
    assert scored.returncode == 0, scored.stderr
    found = pq.read_table(tmp_path / "p" / "out.parquet")
    assert found.column_names == ["ключ: 1", "prediction", "model_version"]
    assert found.num_rows == ROWS
