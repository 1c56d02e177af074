"""Data that is not Parquet, through a whole run and prediction."""

import csv

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from command_line import raytemplate
from small_flights import AS_OF, MODEL, SHIPPED, as_sets

pytestmark = pytest.mark.ray


@pytest.fixture
def as_csv(demo):
    """The flights of `demo` as CSV in folders origin=..., without Parquet."""
    for path in sorted((demo / "data" / "flights").glob("*.parquet")):
        table = pq.read_table(path)
        for origin in ("EWR", "JFK", "LGA"):
            folder = demo / "data" / "flights" / f"origin={origin}"
            folder.mkdir(exist_ok=True)
            part = table.filter(pa.compute.equal(table["origin"], origin)).drop_columns(["origin"])
            pa.csv.write_csv(part, folder / f"{path.stem}.csv")
        path.unlink()
    return demo


def test_csv_in_partitions_runs_and_predicts(as_csv):
    sets = ("--as-of", AS_OF, *as_sets({"data.source": "data/flights"}))
    done = raytemplate("run", SHIPPED.name, *sets, cwd=as_csv)
    assert done.returncode == 0, done.stderr + done.stdout
    scored = raytemplate("predict", MODEL, "data/flights/origin=LGA/2013-02.csv", "out.csv", cwd=as_csv)
    assert scored.returncode == 0, scored.stderr
    with (as_csv / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 5000 and list(rows[0])[:4] == ["time_hour", "carrier", "flight", "origin"]
    assert {row["origin"] for row in rows} == {"LGA"}
    assert 30 < np.mean([float(row["prediction"]) for row in rows]) < 300
