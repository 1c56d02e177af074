"""Copies of rows: the same data as from the source, masked, and enough when the source is gone."""

import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_flights import AS_OF

from raytemplate import api
from raytemplate.data.split import Split
from raytemplate.engines.ray.data.ingest import open_data
from raytemplate.errors import IntegrityError
from raytemplate.store.content_store import ContentStore

pytestmark = pytest.mark.ray

MASKED = {"data.mask": {"carrier": "hash"}, "data.mask_key": {"file": "key.txt"}}
SPLIT = Split(validation=0.2, test=0.2, seed=1, columns=("carrier", "flight"), by_keys=True, kinds=("text", "number"))


@pytest.fixture
def stage(small, demo):
    """Makes the stage of the small job with its rows kept or not."""
    (demo / "key.txt").write_text("a key of 16 or more characters")
    return lambda changes, keep: api.plan(small({"data.keep": keep, **changes}), AS_OF).plan.ingest


@pytest.mark.parametrize("mode", ["memory", "stream"])
@pytest.mark.parametrize("split", [None, SPLIT], ids=["windows", "split"])
def test_a_copy_gives_the_same_data_when_the_source_is_gone(one_ray, stage, demo, tmp_path, mode, split):
    store = ContentStore(tmp_path / "kept")
    plain, kept = (stage({"data.ingest": mode, **MASKED}, keep) for keep in ("reference", "copy"))
    if split is not None:
        windows = tuple(replace(one, start=one.end, share=1.0) for one in plain.windows)
        plain, kept = (replace(one, split=split, time="", windows=windows) for one in (plain, kept))
    expected = open_data(plain, None, store=store).ingested
    assert expected.snapshot.kept == "" and not store.root.exists()
    first = open_data(kept, None, store=store).ingested
    assert replace(first.snapshot, kept="") == expected.snapshot
    assert (first.features, first.baseline.to_json()) == (expected.features, expected.baseline.to_json())
    copy = pa.concat_tables(pq.read_table(path) for path in store.path(first.snapshot.kept).glob("*.parquet"))
    assert {len(one) for one in copy.column("carrier").unique().to_pylist()} == {32}
    shutil.rmtree(demo / "data")
    again = open_data(kept, first.snapshot, store=store)
    assert (again.ingested.snapshot, again.ingested.features) == (first.snapshot, first.features)
    if mode == "stream":
        counts = {name: rows.count() for name, rows in again.streams.items()}
        assert counts == {name: first.snapshot.window(name).num_rows for name in counts}


def test_equal_rows_are_kept_once_and_a_copy_that_was_changed_is_not_read(one_ray, stage, tmp_path):
    store, kept = ContentStore(tmp_path / "kept"), stage({}, "copy")
    first, second = (open_data(kept, None, store=store).ingested.snapshot for _ in range(2))
    assert first == second and [path.name for path in store.root.iterdir() if path.name != ".incoming"] == [
        first.kept[:2]
    ]
    path = next(store.path(first.kept).glob("*.parquet"))
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="the copy of the rows was changed") as refused:
        open_data(kept, first, store=store)
    assert refused.value.exit_code == 7


@pytest.mark.parametrize("mode", ["memory", "stream"])
def test_a_copy_remembers_which_rows_broke_the_contract(one_ray, stage, demo, tmp_path, mode):
    path = demo / "data/flights/2013-02.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(0, 300)]), path)
    contract = {
        "contract.unique": {"rule": ["time_hour", "carrier", "flight", "origin"], "on_breach": "quarantine"},
        "contract.rows": [{"rule": "distance > 200", "on_breach": "drop"}],
        "contract.max_quarantined": "10 %",
        "data.ingest": mode,
        **MASKED,
    }
    store, apart = ContentStore(tmp_path / "kept"), [tmp_path / name for name in "abc"]
    plain, kept = (stage(contract, keep) for keep in ("reference", "copy"))
    expected = open_data(plain, None, apart[0], store).ingested
    assert expected.snapshot.contract.num_quarantined > 100 < expected.snapshot.contract.num_dropped
    first = open_data(kept, None, apart[1], store).ingested
    shutil.rmtree(demo / "data")
    again = open_data(kept, first.snapshot, apart[2], store)
    for one in (first, again.ingested):
        assert (replace(one.snapshot, kept=""), one.features) == (expected.snapshot, expected.features)
    tables = [pq.read_table(one) for one in apart]
    assert tables[0] == tables[1] == tables[2]
    if mode == "stream":
        counts = {name: rows.count() for name, rows in again.streams.items()}
        assert counts == {name: first.snapshot.window(name).num_rows for name in counts}
