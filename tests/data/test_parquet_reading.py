"""Slices: only what is asked for is read, hashed and decoded, and damage in it is detected."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raytemplate.data.sources import chunks
from raytemplate.data.sources.chunks import read_slice
from raytemplate.data.sources.parquet import list_source, write_table
from raytemplate.data.sources.source import ReadResult, SliceOrder
from raytemplate.errors import DataError, IntegrityError

START = datetime(2013, 1, 1, tzinfo=UTC)
NUM_GROUPS, ROWS = 4, 1000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Four row groups of 1000 rows, one row a minute, with page checksums."""
    count = NUM_GROUPS * ROWS
    minutes = pa.array(np.arange(count) * 60_000_000 + int(START.timestamp()) * 1_000_000, pa.timestamp("us", "UTC"))
    noise = np.random.default_rng(7).normal(size=(2, count))
    table = pa.table({"time": minutes, "x": noise[0], "y": noise[1], "n": np.arange(count)})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=ROWS, write_page_checksum=True, compression="zstd")
    return path


def read(path: Path, groups: tuple[int, ...], columns: tuple[str, ...], **more: Any) -> ReadResult:
    window: dict[str, Any] = {"time": "time", "start": START, "end": START + timedelta(days=30), **more}
    return read_slice(SliceOrder(source="parquet", path=str(path), slices=groups, columns=columns, **window))


def span(path: Path, group: int, column: str) -> tuple[int, int]:
    """(offset, bytes) of a column chunk."""
    metadata = pq.read_metadata(path)
    place = metadata.schema.names.index(column)
    chunk = metadata.row_group(group).column(place)
    offsets = [o for o in (chunk.dictionary_page_offset, chunk.data_page_offset) if o]
    return min(offsets), chunk.total_compressed_size


def spoil(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as handle:
        handle.seek(offset)
        handle.write(content)


def test_bytes_read_and_digest_are_those_of_the_chosen_chunks(file: Path) -> None:
    result = read(file, (1, 3), ("x", "time"))
    content = file.read_bytes()
    parts = sorted(span(file, group, column) for group in (1, 3) for column in ("time", "x"))
    assert result.file.bytes_read == sum(length for _, length in parts)
    assert result.file.sha256 == hashlib.sha256(b"".join(content[o : o + n] for o, n in parts)).hexdigest()
    assert (result.file.path, result.file.row_groups, result.file.size_bytes) == (str(file), (1, 3), len(content))
    groups = list_source("a.parquet", file.parent, "time").files[0].slices
    assert result.file.bytes_read == sum(groups[g].column_bytes[c] for g in (1, 3) for c in ("time", "x"))
    assert result.table.column_names == ["x", "time"]
    assert result.table.num_rows == 2 * ROWS


def test_garbage_outside_the_slice_is_never_read(file: Path) -> None:
    before = read(file, (1,), ("x", "n"))
    for group in range(NUM_GROUPS):
        for column in ("time", "x", "y", "n"):
            if group != 1 or column == "y":
                offset, length = span(file, group, column)
                spoil(file, offset, b"\xa5" * length)
    after = read(file, (1,), ("x", "n"))
    assert after.table.equals(before.table)
    assert after.file == before.file
    with pytest.raises(DataError, match=r"a\.parquet: damaged"):
        read(file, (2,), ("x",))


def test_f11_one_flipped_bit_inside_the_slice_is_found_by_the_page_checksum(file: Path) -> None:
    offset, length = span(file, 1, "x")
    place = offset + length - 10
    spoil(file, place, bytes([file.read_bytes()[place] ^ 1]))
    with pytest.raises(DataError, match=r"/a\.parquet: damaged: .*CRC"):
        read(file, (1,), ("x",))
    assert read(file, (1,), ("y",)).table.num_rows == ROWS


def test_rows_are_kept_half_open_by_time(file: Path) -> None:
    table = read(file, (0, 1), ("n",), start=START + timedelta(minutes=998), end=START + timedelta(minutes=1002)).table
    assert table.column("n").to_pylist() == [998, 999, 1000, 1001]
    between = read(file, (0,), ("n",), start=START + timedelta(seconds=1), end=START + timedelta(seconds=61)).table
    assert between.column("n").to_pylist() == [1]


def test_rows_without_a_time_are_in_no_window(tmp_path: Path) -> None:
    table = pa.table({"time": pa.array([None, START], pa.timestamp("us", "UTC")), "n": [1, 2]})
    write_table(table, tmp_path / "a.parquet", time="time")
    assert read(tmp_path / "a.parquet", (0,), ("n",)).table.column("n").to_pylist() == [2]


def test_a_file_changed_since_it_was_planned_is_refused(file: Path) -> None:
    planned = list_source("a.parquet", file.parent, "time").files[0].sha256
    assert read(file, (0,), ("x",), sha256=planned).table.num_rows == ROWS
    pq.write_table(pq.read_table(file).slice(1), file, row_group_size=ROWS)
    with pytest.raises(IntegrityError, match=r"/a\.parquet: changed since it was planned"):
        read(file, (0,), ("x",), sha256=planned)


def test_a_missing_or_cut_file_is_named(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(DataError, match=r"/a\.parquet: not a Parquet file, or cut off"):
        read(file, (0,), ("x",))
    file.unlink()
    with pytest.raises(DataError, match=r"/a\.parquet: cannot be read: No such file"):
        read(file, (0,), ("x",))


def test_a_column_or_row_group_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(DataError, match=r"/a\.parquet: no column z; there is time, x, y, n"):
        read(file, (0,), ("z",))
    with pytest.raises(DataError, match=r"/a\.parquet: no row group 4, there are 4"):
        read(file, (4,), ("x",))


def test_a_row_group_that_unpacks_to_too_much_is_refused_before_its_first_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = pa.repeat(pa.scalar(START, pa.timestamp("us", "UTC")), 2_000_000)
    table = pa.table({"time": moments, "x": np.zeros(2_000_000)})
    pq.write_table(table, tmp_path / "bomb.parquet", row_group_size=2_000_000)
    monkeypatch.setattr(chunks, "RATIO_FROM_BYTES", 2**20)
    with pytest.raises(DataError, match=r"bomb\.parquet: row group 0 unpacks from .* to 32 MB"):
        read(tmp_path / "bomb.parquet", (0,), ("x",))


def test_files_written_by_us_carry_checksums_statistics_and_are_sorted(tmp_path: Path) -> None:
    count = 40_000
    order = np.random.default_rng(7).permutation(count)
    table = pa.table({"time": pa.array(order * 1_000_000, pa.timestamp("us", "UTC")), "n": order})
    write_table(table, tmp_path / "a.parquet", time="time")
    groups = list_source("a.parquet", tmp_path, "time").files[0].slices
    assert [g.num_rows for g in groups] == [32_768, 7_232]
    assert groups[0].time_max is not None and groups[1].time_min is not None
    assert groups[0].time_max < groups[1].time_min
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]
    offset, length = span(tmp_path / "a.parquet", 0, "n")
    spoil(tmp_path / "a.parquet", offset + length - 5, b"\x00\x01")
    with pytest.raises(DataError, match=r"damaged"):
        read(tmp_path / "a.parquet", (0,), ("n",), start=datetime(1970, 1, 1, tzinfo=UTC), end=START)
