"""Footers: what a listing contains, and how unusable files are refused."""

import base64
import subprocess
import sys
import time as clock
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raytemplate.data.sources import parquet, stamps
from raytemplate.data.sources.parquet import footer_of, list_source, write_table
from raytemplate.errors import DataError, UsageError

DAY = datetime(2013, 1, 1, tzinfo=UTC)


def days(first: int, count: int = 4, kind: pa.DataType | None = None) -> pa.Table:
    moments = pa.array([date(2013, 1, first + i) for i in range(count)]).cast(kind or pa.timestamp("us", tz="UTC"))
    return pa.table({"time": moments, "x": pa.array([float(i) for i in range(count)]), "name": ["a"] * count})


def test_listing_reads_rows_bytes_and_times_from_footers(tmp_path: Path) -> None:
    for first in (5, 1):
        write_table(days(first), tmp_path / f"{first}.parquet", time="time")
    table = list_source("*.parquet", tmp_path, "time")
    assert [f.path for f in table.files] == ["1.parquet", "5.parquet"]
    assert [f.num_rows for f in table.files] == [4, 4]
    assert (table.time_min, table.time_max) == (DAY, datetime(2013, 1, 8, tzinfo=UTC))
    assert table.schema == {"time": "timestamp[us, tz=UTC]", "x": "double", "name": "string"}
    group = table.files[0].slices[0]
    chunk = pq.read_metadata(tmp_path / "1.parquet").row_group(0).column(1)
    assert group.column_bytes["x"] == chunk.total_compressed_size


@pytest.mark.parametrize(
    "kind",
    [pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("ns"), pa.date32(), pa.timestamp("us", "America/New_York")],
    ids=str,
)
def test_times_are_utc_when_the_column_has_another_time_type(tmp_path: Path, kind: pa.DataType) -> None:
    pq.write_table(days(1, kind=kind), tmp_path / "a.parquet")
    table = list_source("a.parquet", tmp_path, "time")
    assert (table.time_min, table.time_max) == (DAY, datetime(2013, 1, 4, tzinfo=UTC))


def test_times_are_unknown_when_the_footer_has_no_statistics(tmp_path: Path) -> None:
    pq.write_table(days(1), tmp_path / "a.parquet", write_statistics=False)
    group = list_source("a.parquet", tmp_path, "time").files[0].slices[0]
    assert (group.num_rows, group.time_min, group.time_max) == (4, None, None)


def test_a_folder_and_a_pattern_outside_the_root_are_found(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "lake" / "deep").mkdir(parents=True)
    write_table(days(1), tmp_path / "lake" / "deep" / "a.parquet", time="time")
    expected = str(tmp_path / "lake" / "deep" / "a.parquet")
    assert [f.path for f in list_source("../lake", tmp_path / "root", "time").files] == [expected]
    assert [f.path for f in list_source("../lake/*/*.parquet", tmp_path / "root", "time").files] == [expected]


def test_nothing_matches_says_what_is_near(tmp_path: Path) -> None:
    write_table(days(1), tmp_path / "flights.parquet", time="time")
    with pytest.raises(DataError) as caught:
        list_source("flight.parquet", tmp_path, "time")
    assert str(caught.value) == (
        f"flight.parquet: no file matches; looked for {tmp_path}/flight.parquet; in {tmp_path} there is flights.parquet"
    )
    with pytest.raises(DataError, match=r"no file matches; looked for .*/no/such/\*\.parquet; in .* there is flights"):
        list_source("no/such/*.parquet", tmp_path, "time")


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^\.: no \*\.parquet file in the folder "):
        list_source(".", tmp_path, "time")


@pytest.mark.parametrize(
    ("keep", "message"),
    [(0, "the file is empty (0 bytes)"), (7, "cut off"), (-1, "cut off"), (-200, "cut off")],
    ids=["empty", "7 bytes", "last byte missing", "footer missing"],
)
def test_f11_a_file_cut_short_is_named(tmp_path: Path, keep: int, message: str) -> None:
    write_table(days(1), tmp_path / "a.parquet", time="time")
    write_table(days(1), tmp_path / "b.parquet", time="time")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "b.parquet").read_bytes()[:keep])
    with pytest.raises(DataError) as caught:
        list_source("*.parquet", tmp_path, "time")
    assert str(tmp_path / "b.parquet") in str(caught.value)
    assert message in str(caught.value)


def test_a_csv_is_no_parquet_file(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("time,x\n" * 100)
    with pytest.raises(DataError, match="not a Parquet file"):
        list_source("a.parquet", tmp_path, "time")


def test_f11_a_garbled_footer_is_no_crash(tmp_path: Path) -> None:
    write_table(days(1), tmp_path / "a.parquet", time="time")
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[-300:-20] = b"\xff" * 280
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.parquet: not a Parquet file, or cut off"):
        list_source("a.parquet", tmp_path, "time")


def test_a_schema_that_differs_names_file_column_and_types(tmp_path: Path) -> None:
    write_table(days(1), tmp_path / "a.parquet", time="time")
    other = days(5).drop_columns(["name"]).append_column("extra", pa.array([1, 2, 3, 4]))
    write_table(other.set_column(1, "x", pa.array([1, 2, 3, 4])), tmp_path / "b.parquet", time="time")
    with pytest.raises(DataError) as caught:
        list_source("*.parquet", tmp_path, "time")
    assert str(caught.value) == (
        f"{tmp_path}/b.parquet: its schema differs from a.parquet: column name is missing; column extra is extra; "
        "column x is int64, not double; give all files one schema"
    )


def test_the_time_column_must_be_there_and_be_a_time(tmp_path: Path) -> None:
    write_table(days(1), tmp_path / "a.parquet", time="time")
    with pytest.raises(DataError, match=r"no column tme \(data\.time\); did you mean time\?"):
        list_source("a.parquet", tmp_path, "tme")
    with pytest.raises(DataError, match=r"column x \(data\.time\) is double, expected a timestamp or a date"):
        list_source("a.parquet", tmp_path, "x")


def test_files_without_a_row_are_refused_only_when_all_are(tmp_path: Path) -> None:
    write_table(days(1).slice(0, 0), tmp_path / "a.parquet", time="time")
    with pytest.raises(DataError, match=r"^a\.parquet: 1 file, but not one row"):
        list_source("a.parquet", tmp_path, "time")
    write_table(days(1), tmp_path / "b.parquet", time="time")
    assert [f.num_rows for f in list_source("*.parquet", tmp_path, "time").files] == [0, 4]


def test_extension_types_are_refused_without_decoding_them(tmp_path: Path) -> None:
    pq.write_table(days(1).append_column("id", pa.array([b"0" * 16] * 4, pa.uuid())), tmp_path / "a.parquet")
    stored = pq.read_metadata(tmp_path / "a.parquet").metadata[b"ARROW:schema"]
    assert b"ARROW:extension:name" in base64.b64decode(stored)
    with pytest.raises(DataError, match=r"a\.parquet: has columns of an Arrow extension type"):
        list_source("a.parquet", tmp_path, "time")


def test_nested_and_dotted_columns_are_counted_under_their_own_names(tmp_path: Path) -> None:
    table = days(1).append_column("x.y", pa.array([1, 2, 3, 4])).append_column("list", pa.array([[1], [2], [], None]))
    pq.write_table(table, tmp_path / "a.parquet")
    sizes = list_source("a.parquet", tmp_path, "time").files[0].slices[0].column_bytes
    assert set(sizes) == {"time", "x", "name", "x.y", "list"}
    assert all(sizes.values())


def test_twelve_files_are_listed_in_50_ms(tmp_path: Path) -> None:
    wide = days(1, 20)
    for i in range(30):
        wide = wide.append_column(f"c{i}", pa.array([float(i)] * 20))
    for month in range(12):
        write_table(wide, tmp_path / f"{month:02d}.parquet", time="time")
    taken = []
    for _ in range(5):
        started = clock.perf_counter()
        list_source("*.parquet", tmp_path, "time")
        taken.append(clock.perf_counter() - started)
    assert min(taken) < 0.05


def test_writing_leaves_nothing_behind_when_the_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.parquet: cannot be written: No such file or directory"):
        write_table(days(1), tmp_path / "no" / "a.parquet", time="time")
    assert not list(tmp_path.iterdir())


def test_the_room_imports_no_engine_and_no_pandas() -> None:
    modules = ["sources.parquet", "profile.column", "features.encoding", "windows", "snapshot"]
    named = ", ".join(["raytemplate.starting.example_flights", *(f"raytemplate.data.{name}" for name in modules)])
    code = f"import sys, {named}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"ray", "torch", "mlflow", "pandas", "lightgbm"} & set(loaded)


def test_many_files_are_listed_again_from_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "WORTH_KEEPING", 3)
    monkeypatch.setattr(stamps, "_SETTLED_S", 0.0)
    for number in range(4):
        write_table(days(1 + number), tmp_path / f"{number}.parquet", time="time")
    read: list[str] = []
    monkeypatch.setattr(
        parquet, "footer_of", lambda path, storage: read.append(Path(path).name) or footer_of(path, storage)
    )
    listed = [list_source("*.parquet", tmp_path, "time", cache=tmp_path / "kept")]
    assert len(read) == 4
    read.clear()
    write_table(days(20), tmp_path / "2.parquet", time="time")
    (tmp_path / "3.parquet").unlink()
    listed += [list_source("*.parquet", tmp_path, "time", cache=cache) for cache in (tmp_path / "kept", None)]
    assert read[:2] == ["0.parquet", "2.parquet"] and listed[1] == listed[2] != listed[0]
    (kept,) = (tmp_path / "kept").glob("*.json")
    kept.write_bytes(kept.read_bytes().replace(b'"double"', b'"DOUBLE"'))
    read.clear()
    assert list_source("*.parquet", tmp_path, "time", cache=tmp_path / "kept") == listed[1] and len(read) == 3
