"""Ingest on Ray Data: the same data, features and baseline in both modes, and nothing is read that is not needed."""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_flights import SHIPPED

from raytemplate import api
from raytemplate.data.labels import to_bytes
from raytemplate.engines.ray.clusters.translated import translated
from raytemplate.engines.ray.data.ingest import open_data
from raytemplate.errors import DataError, IntegrityError
from raytemplate.spec.load import load

pytestmark = pytest.mark.ray

MODES = ["memory", "stream"]


def rewrite(path, change, **more):
    pq.write_table(change(pq.read_table(path)), path, write_page_checksum=True, **more)


def spans(path, wanted):
    """(offset, length) of the column chunks for which wanted(row group, column) holds."""
    metadata = pq.read_metadata(path)
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            if wanted(group, chunk.path_in_schema):
                offsets = [o for o in (chunk.dictionary_page_offset, chunk.data_page_offset) if o]
                yield min(offsets), chunk.total_compressed_size


def spoil(path, offset, content):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def test_both_modes_find_the_same(ingest, many_groups):
    one, other = (ingest({"data.ingest": mode}).ingested for mode in MODES)
    assert one.snapshot.digest == other.snapshot.digest
    assert one.snapshot.files == other.snapshot.files and one.snapshot.windows == other.snapshot.windows
    assert one.features == other.features
    assert one.baseline.to_json() == other.baseline.to_json()
    assert one.labels and to_bytes(one.labels) == to_bytes(other.labels) and len(one.labels.hashes) > 1000
    assert [one.snapshot.engine, other.snapshot.engine] == [
        "Ray Data, one execution; encoded columns in the object store",
        "Ray Data, one pass for statistics; streaming split while training",
    ]


def test_both_modes_hand_on_the_same_rows(ingest, many_groups):
    import ray

    memory, stream = (ingest({"data.ingest": mode}) for mode in MODES)
    for window in ("train", "validation"):
        held = ray.get(memory.refs[window])
        batches = list(stream.streams[window].iter_batches(batch_format="numpy", batch_size=None))
        for name in ("dense", "codes", "target"):
            assert np.array_equal(held[name], np.concatenate([b[name] for b in batches])), (window, name)
    streamed = pa.concat_tables(stream.test.iter_batches(batch_format="pyarrow", batch_size=None))
    assert streamed.equals(memory.test.select(streamed.column_names).combine_chunks()) or (
        streamed.to_pydict() == memory.test.select(streamed.column_names).to_pydict()
    )


def test_reading_twice_gives_the_same_snapshot(ingest):
    first = ingest().ingested.snapshot
    assert ingest(expected=first).ingested.snapshot == first


@pytest.mark.parametrize("mode", MODES)
def test_the_record_says_how_many_bytes_were_read(ingest, plan, many_groups, mode):
    stage = plan({"data.ingest": mode, "data.windows.train": "10d"}).ingest
    snapshot = ingest(stage).ingested.snapshot
    expected = 0
    for file in stage.files:
        chosen = spans(many_groups.parents[1] / file.path, lambda g, c: g in file.slices and c in stage.columns)  # noqa: B023
        expected += sum(length for _, length in chosen)
    assert snapshot.bytes_read == expected == sum(f.bytes_to_read for f in stage.files)
    assert snapshot.bytes_read < 0.5 * sum(f.size_bytes for f in snapshot.files)


@pytest.mark.parametrize("mode", MODES)
def test_rows_outside_the_windows_are_never_read(ingest, plan, many_groups, mode):
    stage = plan({"data.ingest": mode, "data.windows.train": "10d"}).ingest
    before = ingest(stage).ingested
    for file in stage.files:
        path = many_groups.parents[1] / file.path
        outside = list(spans(path, lambda g, c: g not in file.slices or c not in stage.columns))  # noqa: B023
        assert outside
        for offset, length in outside:
            spoil(path, offset, b"\xa5" * length)
    after = ingest(stage).ingested
    assert after.snapshot == before.snapshot
    assert after.features == before.features


@pytest.mark.parametrize("mode", MODES)
def test_f11_a_damaged_byte_inside_names_the_file(ingest, plan, many_groups, mode):
    stage = plan({"data.ingest": mode}).ingest
    path = many_groups / "2013-02.parquet"
    offset, length = next(spans(path, lambda g, c: g == 0 and c == "temp"))
    at = offset + length - 10
    spoil(path, at, bytes([path.read_bytes()[at] ^ 1]))
    with pytest.raises(DataError, match=r"2013-02\.parquet: damaged") as refused:
        translated("ingest", lambda: ingest(stage))
    assert refused.value.exit_code == 2


def test_a_file_that_changed_since_the_plan_is_refused(ingest, plan, many_groups):

    stage = plan().ingest
    rewrite(many_groups / "2013-02.parquet", lambda table: table.slice(1))
    with pytest.raises(IntegrityError, match=r"2013-02\.parquet: changed since it was planned") as refused:
        translated("ingest", lambda: ingest(stage))
    assert refused.value.exit_code == 7


def test_f11_bytes_that_changed_since_an_earlier_process_read_them_are_refused(ingest, plan, many_groups):
    path = many_groups / "2013-02.parquet"
    pq.write_table(pq.read_table(path), path, compression="none", use_dictionary=False)
    stage = plan().ingest
    before = ingest(stage).ingested.snapshot
    offset, length = next(spans(path, lambda g, c: g == 0 and c == "temp"))
    at = offset + length - 1000
    spoil(path, at, bytes([path.read_bytes()[at] ^ 1]))
    with pytest.raises(IntegrityError, match=r"2013-02\.parquet: not the bytes this run read before"):
        ingest(stage, expected=before)


def test_rows_are_counted_by_window_and_drop(ingest, plan, many_groups):
    snapshot = ingest().ingested.snapshot
    table = pa.concat_tables(pq.read_table(path) for path in sorted(many_groups.iterdir()))
    times = table.column("time_hour").to_numpy()
    missing = np.isnan(table.column("air_time").to_numpy(zero_copy_only=False).astype(float))
    for window in snapshot.windows:
        start, end = (np.datetime64(t.replace(tzinfo=None)) for t in (window.start, window.end))
        inside = (times >= start) & (times < end)
        assert window.num_rows == (inside & ~missing).sum()
        assert window.num_dropped == (inside & missing).sum()
    assert snapshot.num_dropped > 0


SPOILED = {
    "constant target": ("air_time", lambda n: pa.array(np.full(n, 7.0)), "target air_time is 7 in (all|every one of) "),
    "infinite target": ("air_time", lambda n: pa.array(np.full(n, np.inf)), "target air_time is infinite"),
    "no target at all": ("air_time", lambda n: pa.nulls(n, pa.float64()), "data.drop took out all"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("column", "values", "message"), SPOILED.values(), ids=SPOILED)
def test_a_target_that_cannot_be_learned_is_named(ingest, many_groups, mode, column, values, message):
    for path in many_groups.iterdir():
        rewrite(path, lambda t: t.set_column(t.column_names.index(column), column, values(t.num_rows)))
    with pytest.raises(DataError, match=message):
        translated("ingest", lambda: ingest({"data.ingest": mode}))


def test_targets_that_are_missing_and_not_dropped_are_counted(ingest):

    with pytest.raises(DataError, match=r"target air_time is missing in \d+ of .* rows") as refused:
        translated("ingest", lambda: ingest({"data.drop": ""}))
    assert refused.value.next_step == "data.drop: air_time is null"


def test_a_file_that_went_away_is_named(ingest, plan, demo):

    stage = plan().ingest
    (demo / "data" / "flights" / "2013-02.parquet").unlink()
    with pytest.raises(DataError, match=r"2013-02\.parquet: cannot be read"):
        translated("ingest", lambda: ingest(stage))


def test_a_column_that_never_changes_is_encoded_as_zero(ingest, many_groups):
    import ray

    for path in many_groups.iterdir():
        same = pa.array(np.full(pq.read_metadata(path).num_rows, 9.0))
        rewrite(path, lambda t: t.set_column(t.column_names.index("seats"), "seats", same))  # noqa: B023
    data = ingest()
    place = data.ingested.features.dense.index("seats")
    assert not ray.get(data.refs["train"])["dense"][:, place].any()


def test_files_without_statistics_are_read_whole_and_cut(ingest, plan, many_groups):
    before = ingest().ingested.snapshot
    for path in many_groups.iterdir():
        rewrite(path, lambda t: t, write_statistics=False)
    stage = plan().ingest
    after = ingest(stage).ingested.snapshot
    assert not any(w.exact for w in stage.windows)
    assert [replace(w) for w in after.windows] == [replace(w) for w in before.windows]


@pytest.fixture
def untimed(demo):
    """The job without its time: rows are split by the hash of their keys."""
    path = demo / SHIPPED.name
    lines = path.read_text().splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("  windows:"))
    kept = [line for n, line in enumerate(lines) if not first <= n <= first + 4 and "resample" not in line]
    text = "\n".join(line for line in kept if not line.startswith("  time: "))
    path.write_text(text.replace("  keys:", "  split: {validation: 20 %, test: 10 %}\n  keys:"))

    def make(**changes):
        changed = {"training.epochs": 1, "governance.gates.data-rows.train": 100, **changes}
        return api.plan(load(path, overrides=changed, environ={}), "latest").plan

    return make


def test_without_a_time_both_modes_put_each_row_on_the_same_side(one_ray, untimed, many_groups):
    memory, stream = (open_data(untimed(**{"data.ingest": mode}).ingest, None) for mode in MODES)
    one, other = memory.ingested, stream.ingested
    assert one.snapshot.digest == other.snapshot.digest and one.features.cardinalities == other.features.cardinalities
    rows = {w.name: w.num_rows + w.num_dropped for w in one.snapshot.windows}
    total = sum(rows.values())
    assert [rows[name] / total for name in ("train", "validation", "test")] == pytest.approx([0.7, 0.2, 0.1], abs=0.01)
    streamed = pa.concat_tables(stream.test.iter_batches(batch_format="pyarrow", batch_size=None))
    assert streamed.to_pydict() == memory.test.select(streamed.column_names).to_pydict()


def test_without_a_time_a_row_stays_on_its_side_when_files_change(one_ray, untimed, many_groups):
    before = open_data(untimed(**{"features.numeric": ["distance", "precip", "row_id"]}).ingest, None).test["row_id"]
    for path in sorted(many_groups.iterdir()):
        rewrite(path, lambda table: table.take(pa.array(np.arange(table.num_rows)[::-1])))
    (many_groups / "2013-02.parquet").rename(many_groups / "a.parquet")
    after = open_data(untimed(**{"features.numeric": ["distance", "precip", "row_id"]}).ingest, None).test["row_id"]
    assert sorted(after.to_pylist()) == sorted(before.to_pylist())


BROKEN = {
    "seats": (
        {"type": "integer", "max": 300},
        r"seats: .* rows break \"max: 300\"; the first in .*-01\.parquet, row [\d,]+: \d+",
    ),
    "carrier": (
        {"type": "text", "values": ["UA"]},
        r"carrier: .* rows break \"values: \[UA\]\"; the first in .*-01",
    ),
    "pressure": (
        {"type": "number", "nullable": False},
        r"pressure: .* rows break \"nullable: false\"; the first in .*: missing",
    ),
    "time_hour": ({"type": "time", "min": "2013-02-01"}, r"time_hour: .* rows break \"min: 2013-02-01\"; the first in"),
    "humid": ({"type": "integer"}, r"humid: .* rows break \"type: integer\"; the first in .*2013-01.*: \d+\.\d+"),
}


@pytest.mark.parametrize("mode", MODES)
def test_each_broken_promise_is_told_with_its_first_row(ingest, many_groups, mode):
    changes = {f"contract.columns.{column}": rule for column, (rule, _) in BROKEN.items()}
    with pytest.raises(DataError) as refused:
        translated("ingest", lambda: ingest({"data.ingest": mode, **changes}))
    lines = refused.value.what.splitlines()
    assert len(lines) == len(BROKEN)
    for line, column in zip(lines, sorted(BROKEN), strict=True):
        assert re.search(BROKEN[column][1], line), line


@pytest.mark.parametrize("mode", MODES)
def test_a_kept_contract_changes_nothing(ingest, many_groups, mode):
    promised = {"air_time": {"type": "number", "nullable": False, "min": 0}, "origin": {"type": "text"}}
    kept = ingest({"data.ingest": mode, **{f"contract.columns.{c}": r for c, r in promised.items()}})
    assert kept.ingested.snapshot.digest == ingest({"data.ingest": mode}).ingested.snapshot.digest


def test_only_the_first_file_with_a_breach_is_named(ingest, many_groups):
    rewrite(
        many_groups / "2013-02.parquet",
        lambda t: t.set_column(t.column_names.index("seats"), "seats", pa.array(np.full(t.num_rows, 9999))),
    )
    message = r"break \"max: 1000\"; the first in data/flights/2013-02\.parquet, row 1: 9999"
    with pytest.raises(DataError, match=message):
        translated("ingest", lambda: ingest({"contract.columns.seats": {"type": "number", "max": 1000}}))


def test_a_file_that_changes_after_the_first_pass_of_a_stream_is_noticed(one_ray, plan, many_groups):
    path = many_groups / "2013-01.parquet"
    plain = {"use_dictionary": False, "compression": "none", "row_group_size": 2000}
    pq.write_table(pq.read_table(path), path, **plain)  # without page checksums only our digest can notice
    made = plan({"data.ingest": "stream"})
    data = open_data(made.ingest, None)
    assert sum(batch.num_rows for batch in data.streams["train"].iter_batches(batch_format="pyarrow")) > 0
    offset, length = next(spans(path, lambda group, column: group == 5 and column == "distance"))
    before = path.read_bytes()
    spoil(path, offset + length - 1, bytes([before[offset + length - 1] ^ 1]))
    with pytest.raises(IntegrityError) as caught:
        translated("fit", lambda: list(data.streams["train"].iter_batches(batch_format="pyarrow")))
    assert caught.value.what == f"{path}: changed while this run was reading it"
