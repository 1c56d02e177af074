"""Delta tables: which version is read, what its files hold, and what is refused."""

from datetime import UTC, date, datetime
from pathlib import Path

import delta_tables as delta
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bucket import bucket_store

from raytemplate.data.sources.reader import list_files, read_slices
from raytemplate.data.sources.source import ListOrder, order_of
from raytemplate.data.sources.storage import Storage
from raytemplate.errors import DataError, FieldError, IntegrityError, Unavailable


def days(first: int, count: int = 4, **more: list[object]) -> pa.Table:
    times = [datetime(2013, 1, first + day, 6) for day in range(count)]
    return pa.table({"time": pa.array(times, pa.timestamp("us")), "n": pa.array(range(count), pa.int64()), **more})


def listed(root: Path, version: str = "", time: str = "time", pattern: str = "delta:t"):
    return list_files("auto", ListOrder(pattern=pattern, root=root, time=time, version=version))


def rows(table, columns=("n",)):
    return [
        row
        for file in table.files
        for row in read_slices(order_of(table, file, file.slices, columns)).table.to_pylist()
    ]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Versions 1 to 3 add a file of four days each; version n was made on January n + 1."""
    for name, first in (("a", 1), ("b", 5), ("c", 9)):
        delta.write(tmp_path / "t" / f"{name}.parquet", days(first))
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "version", "files"),
    [
        ("", "3", "abc"),
        ("latest", "3", "abc"),
        ("2", "2", "ab"),
        ("1", "1", "a"),
        ("2013-01-03", "2", "ab"),
        ("2013-01-03T12:00", "2", "ab"),
    ],
)
def test_a_version_is_asked_for_by_number_or_date(table: Path, asked: str, version: str, files: str) -> None:
    found = listed(table, asked)
    assert (found.kind, found.name, found.version) == ("delta", "t", version)
    assert [file.path for file in found.files] == [f"t/{name}.parquet" for name in files]
    assert len(rows(found)) == 4 * len(files)


def test_a_version_that_never_was_is_refused_with_what_there_is(table: Path) -> None:
    with pytest.raises(FieldError) as refused:
        listed(table, "9")
    assert str(refused.value) == "data.version: t has no version 9; the newest is 3"
    with pytest.raises(FieldError) as refused:
        listed(table, "2012-12-31")
    assert str(refused.value) == "data.version: t is younger than 2012-12-31; version 0 is of 2013-01-01"


def test_a_version_whose_file_was_removed_is_gone(tmp_path: Path) -> None:
    for name, first in (("a", 1), ("b", 5)):
        delta.write(tmp_path / "t" / f"{name}.parquet", days(first))
    gone = {"remove": {"path": "a.parquet", "deletionTimestamp": 0, "dataChange": True}}
    delta.commit(tmp_path / "t", 3, [gone])
    (tmp_path / "t" / "a.parquet").unlink()
    with pytest.raises(IntegrityError) as refused:
        listed(tmp_path, "1")
    assert str(refused.value) == "t: version 1 is gone: its file t/a.parquet was removed; there are versions 0 and 3"
    assert (refused.value.exit_code, refused.value.next_step) == (7, "set data.version: 3")


def test_a_version_whose_commit_was_removed_is_gone(table: Path) -> None:
    from deltalake import DeltaTable

    DeltaTable(table / "t").create_checkpoint()
    for version in range(3):
        (table / "t" / "_delta_log" / f"{version:020}.json").unlink()
    assert listed(table, "3").version == "3"
    for asked, what in (("1", "version 1"), ("2013-01-02", "the version of 2013-01-02")):
        with pytest.raises(IntegrityError) as refused:
            listed(table, asked)
        assert str(refused.value) == f"t: {what} is gone: its commit was removed from the log; there is version 3"


def test_partitions_and_columns_added_later_are_constants_of_a_file(tmp_path: Path) -> None:
    folder, early, late = tmp_path / "t", days(1, 2), days(5, 2, extra=[0.5, None])
    schema = (
        late.append_column("day", pa.array([None, None], pa.date32())).append_column("s", pa.array(["", ""])).schema
    )
    delta.begin(folder, schema, ["day", "s"])
    for number, (name, part, values) in enumerate(
        [("x y", early, {"day": "2013-01-01", "s": None}), ("b", late, {"day": "2013-01-05", "s": "ä/b"})], start=1
    ):
        path = folder / f"{name}.parquet"
        pq.write_table(part, path)
        delta.commit(folder, number, [delta.add(path, folder, **values)])
    found = listed(tmp_path)
    assert found.schema["day"] == "date32[day]" and set(found.partitions) == {"day", "s"}
    assert rows(found, ("n", "extra", "day", "s")) == [
        {"n": 0, "extra": 0.5, "day": date(2013, 1, 5), "s": "ä/b"},
        {"n": 1, "extra": None, "day": date(2013, 1, 5), "s": "ä/b"},
        {"n": 0, "extra": None, "day": date(2013, 1, 1), "s": None},
        {"n": 1, "extra": None, "day": date(2013, 1, 1), "s": None},
    ]
    by_day = listed(tmp_path, time="day")
    assert [file.slices[0].time_max for file in by_day.files] == [datetime(2013, 1, day, tzinfo=UTC) for day in (5, 1)]
    assert rows(by_day, ("day",))[0] == {"day": date(2013, 1, 5)}


def test_a_column_that_a_file_stores_with_another_type_is_read_as_the_table_says(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    delta.begin(folder, days(1).schema)
    stored = days(1).set_column(1, "n", pa.array([1, 2, 3, 4], pa.int32()))
    pq.write_table(stored, folder / "a.parquet", use_deprecated_int96_timestamps=True)
    log = delta.add(folder / "a.parquet", folder)
    log["add"]["stats"] = (
        '{"numRecords":4,"minValues":{"time":"2013-01-01T06:00:00"},"maxValues":{"time":"2013-01-04T06:00:00"}}'
    )
    delta.commit(folder, 1, [log])
    found = listed(tmp_path)
    table = read_slices(order_of(found, found.files[0], found.files[0].slices, ("time", "n"))).table
    assert table.schema == days(1).schema and table.column("time").to_pylist()[0] == datetime(2013, 1, 1, 6)
    assert found.time_min == datetime(2013, 1, 1, 6, tzinfo=UTC) and found.time_max.microsecond == 1000


VECTOR = {
    "storageType": "u",
    "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^",
    "offset": 4,
    "sizeInBytes": 40,
    "cardinality": 2,
}


@pytest.mark.parametrize("feature", ["deletionVectors", "columnMapping"])
def test_what_parquet_files_alone_do_not_tell_is_refused_by_name(tmp_path: Path, feature: str) -> None:
    folder = tmp_path / "t"
    mode = {"delta.columnMapping.mode": "name"} if feature == "columnMapping" else {}
    both = {"readerFeatures": [feature, "timestampNtz"], "writerFeatures": [feature, "timestampNtz"]}
    protocol = {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **both}}
    delta.commit(folder, 0, [protocol, delta.columns(days(1).schema, None, mode)])
    pq.write_table(days(1), folder / "a.parquet")
    add = delta.add(folder / "a.parquet", folder)
    delta.commit(
        folder, 1, [{"add": {**add["add"], "deletionVector": VECTOR if feature == "deletionVectors" else None}}]
    )
    said = {
        "deletionVectors": "t: uses deletion vectors: its files also hold rows that were deleted",
        "columnMapping": "t: uses column mapping: its files name columns otherwise than the table does",
    }
    with pytest.raises(DataError) as refused:
        listed(tmp_path)
    assert str(refused.value) == f"{said[feature]}, which raytemplate does not read"


def test_a_folder_without_a_log_is_no_table(tmp_path: Path) -> None:
    pq.write_table(days(1), tmp_path / "a.parquet")
    for pattern in ("delta:.", "delta:nothing"):
        with pytest.raises(DataError, match="not a Delta table: there is no _delta_log with a version in it"):
            listed(tmp_path, pattern=pattern)


def test_a_table_taken_for_a_folder_is_told_how_to_be_read(table: Path) -> None:
    with pytest.raises(DataError, match="a table of Delta Lake") as refused:
        listed(table, pattern="t")
    assert refused.value.next_step == "set data.source: delta:PATH, or --data delta:PATH with init"


@pytest.mark.slow
def test_a_table_in_a_bucket(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ACCESS_KEY_ID": "reader",
        "SECRET_ACCESS_KEY": "of-tests",
        "EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with bucket_store() as store:
        place = store.put_all(table / "t", "tables/t")

        def there(where: str, endpoint: str = store.endpoint):
            order = ListOrder(pattern=where, root=table, time="time", version="2", storage=Storage(endpoint=endpoint))
            return list_files("auto", order)

        found = there(f"delta:{place}")
        assert (found.name, found.version) == ("t", "2") and len(rows(found)) == 8
        assert found.files[0].path == "s3://lake/tables/t/a.parquet"
        with pytest.raises(DataError, match="s3://lake/nothing: not a Delta table"):
            there("delta:s3://lake/nothing")
        with pytest.raises(Unavailable):
            there(f"delta:{place}", "http://127.0.0.1:1")


def test_files_of_another_table_are_not_read(table: Path) -> None:
    path = table / "t" / "a.parquet"
    other = delta.add(path, table / "t")
    other["add"]["path"] = "../secret.parquet"
    delta.commit(table / "t", 4, [other])
    with pytest.raises(DataError, match="has files of another table"):
        listed(table)


def test_a_listing_can_be_read_from_another_folder(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (table / "project").mkdir()
    monkeypatch.chdir(table / "project")
    found = listed(Path(), pattern="delta:../t")
    monkeypatch.chdir("/")
    assert len(rows(found)) == 12
