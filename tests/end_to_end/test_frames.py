"""`plan(spec, data=table)`: a table in memory instead of files, through run, resume and predict."""

from pathlib import Path

import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_flights import AS_OF

from raytemplate import api
from raytemplate.errors import DataError, SpecError
from raytemplate.records.ingested import Snapshot


@pytest.fixture
def held(demo) -> pa.Table:
    """Two months of flights in memory; their files are deleted."""
    folder = demo / "data" / "flights"
    table = pa.concat_tables(pq.read_table(path) for path in sorted(folder.iterdir()))
    for path in folder.iterdir():
        path.unlink()
    return table


def frames(workspace) -> list[Path]:
    return sorted(workspace.frames.iterdir())


@pytest.mark.parametrize(
    "make", [lambda t: t, lambda t: t.to_pandas(), polars.from_arrow], ids=["arrow", "pandas", "polars"]
)
def test_a_frame_takes_the_place_of_files(small, held, make) -> None:
    planned = api.plan(small(), AS_OF, data=make(held))
    assert sum(file.num_rows for file in planned.plan.ingest.files) == held.num_rows
    assert [Path(f.path).name for f in planned.plan.ingest.files] == [p.name for p in frames(planned.workspace)]


def test_the_same_table_is_kept_once_and_gives_the_same_plan(small, held) -> None:
    one, other = (api.plan(small(), AS_OF, data=table) for table in (held, held.slice(0)))
    assert one.plan.id == other.plan.id and len(frames(one.workspace)) == 1
    changed = api.plan(small(), AS_OF, data=held.slice(1))
    assert changed.plan.id != one.plan.id and len(frames(one.workspace)) == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1, 2], "data: got list, expected an Arrow table or a pandas or polars frame"),
        (pa.table({"a": pa.array([], pa.int64())}), "data: the Table has no rows"),
    ],
)
def test_what_is_no_table_is_refused(small, demo, data, message) -> None:
    with pytest.raises(DataError) as refused:
        api.plan(small(), AS_OF, data=data)
    assert (str(refused.value), refused.value.exit_code) == (message, 2)


def test_a_column_that_a_frame_lacks_is_named_in_the_template(small, held) -> None:
    with pytest.raises(SpecError, match=r'features\.numeric: no column "distance" in the data'):
        api.plan(small(), AS_OF, data=held.drop_columns(["distance"]))


@pytest.mark.ray
def test_a_run_on_a_frame_is_recorded_with_the_digest_of_its_bytes(small, held) -> None:
    ended = api.run(api.plan(small(), AS_OF, data=held))
    snapshot = ended.journal.need(Snapshot)
    assert snapshot.num_rows > 10_000 and all(file.sha256 for file in snapshot.files)
