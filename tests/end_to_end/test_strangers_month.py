"""A month of data that somebody else has changed: each change is told in one line before anything is trained."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from command_line import here
from small_flights import as_sets

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("one_ray")]

KEYS = {
    "contract.unique": {"rule": ["time_hour", "carrier", "flight", "origin"], "on_breach": "quarantine"},
    "contract.max_quarantined": "10 %",
}


def rewritten(path, change):
    pq.write_table(change(pq.read_table(path)), path, row_group_size=5_000)


def in_km(table):
    index = table.schema.get_field_index("distance")
    return table.set_column(
        index, "distance", pc.cast(pc.multiply(table["distance"], 1.609344), pa.int64(), safe=False)
    )


def with_keys_twice(table):
    return pa.concat_tables([table, table.take(pa.array(range(0, table.num_rows, 33)))])


def test_each_change_is_told_before_anything_is_trained(demo):
    january, february = (demo / f"data/flights/2013-0{month}.parquet" for month in (1, 2))
    first = here("run", "flights-air-time.yaml", "--as-of", "2013-02-08", *as_sets(), cwd=demo)
    assert first.returncode == 0, first.stderr + first.stdout

    rewritten(february, with_keys_twice)
    for path in (january, february):
        rewritten(path, in_km)
    second = here(
        "run", "flights-air-time.yaml", "--as-of", "2013-02-15", *as_sets({**KEYS, "data.ingest": "stream"}), cwd=demo
    )
    assert second.returncode in (0, 5), second.stderr + second.stdout
    told = second.stderr[: second.stderr.index("✓ fit")]
    (keys,) = [line for line in told.splitlines() if "contract.unique" in line]
    assert "quarantined; the first: data/flights/2013-02.parquet, row 24,9" in keys
    (unit,) = [line for line in told.splitlines() if "distance: values" in line]
    assert "about 1.6 times those that champion version 1 was trained on, as if miles had become km" in unit
    run = next(path for path in (demo / ".raytemplate/runs").glob("*/quarantine.parquet"))
    assert f"{pq.read_metadata(run).num_rows:,} rows break" in keys
    shown = here("show", "last", cwd=demo)
    assert "contract.unique" in shown.stdout and "quarantined" in shown.stdout

    for path in (january, february):
        rewritten(path, lambda table: table.rename_columns({"distance": "miles"}))
    renamed = here("plan", "flights-air-time.yaml", "--as-of", "2013-02-15", *as_sets(), cwd=demo)
    assert renamed.returncode == 2
    assert 'no column "distance" in the data, but the champion had it; "miles" is new' in renamed.stderr

    february.write_bytes(february.read_bytes()[:-1000])
    cut = here("plan", "flights-air-time.yaml", "--as-of", "2013-02-15", *as_sets(), cwd=demo)
    assert cut.returncode == 2 and "2013-02.parquet" in cut.stderr
