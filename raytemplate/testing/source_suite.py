"""The contract of a source as tests; the author of a source subclasses the suite.

class TestMine(SourceSuite):
    source = "mine"
    ending = ".mine"

    def write(self, path, table): ...
"""

import json
import pickle
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from raytemplate import plugins
from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.data.sources.source import ListOrder, ReadResult, Source, order_of
from raytemplate.errors import DataError, IntegrityError
from raytemplate.records import codec

START = datetime(2013, 1, 1, tzinfo=UTC)
_COLUMNS = ("time", "number", "count", "word")


def rows_of_days(first: int, num_days: int) -> pa.Table:
    """One row for each day: a time (the last is missing), a number (every third is missing), a count and a word."""
    days = range(first, first + num_days)
    times = [START + timedelta(days=day) for day in days]
    return pa.table(
        {
            "time": pa.array([*times[:-1], None], pa.timestamp("us")),
            "number": pa.array([day / 4 if day % 3 else None for day in days], pa.float64()),
            "count": pa.array(days, pa.int64()),
            "word": pa.array([f'word {day % 5}, \u00e4 "quoted" one' for day in days], pa.string()),
        }
    )


class SourceSuite:
    """What every source must do."""

    source: ClassVar[str]
    """Its name in `plugins.py` or among the entry points."""
    ending: ClassVar[str]
    """One of the file endings that it declares; of a source that declares none, the ending of files in its table."""

    def write(self, path: Path, table: pa.Table) -> None:
        """Write a file with the rows of a table: times, numbers, whole numbers and text, some of them missing."""
        raise NotImplementedError

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Two files: ten days, then the five that follow."""
        self.write(tmp_path / f"a{self.ending}", rows_of_days(0, 10))
        self.write(tmp_path / f"b{self.ending}", rows_of_days(10, 5))
        return tmp_path

    def test_it_lists_every_file_with_its_rows_columns_and_digest(self, folder: Path) -> None:
        found = self._list(folder)
        assert found.kind == self.source and self.ending in (self._source().endings or (self.ending,))
        assert [(file.path, file.num_rows) for file in found.files] == [
            (f"a{self.ending}", 10),
            (f"b{self.ending}", 5),
        ]
        assert tuple(found.schema) == _COLUMNS and found.root == str(folder)
        sizes = [(folder / file.path).stat().st_size for file in found.files]
        assert [file.size_bytes for file in found.files] == sizes
        assert all(file.sha256 for file in found.files)
        assert self._list(folder) == found

    def test_the_times_it_lists_hold_those_of_the_rows(self, folder: Path) -> None:
        for file, newest in zip(self._list(folder).files, (8, 13), strict=True):
            lows = [one.time_min for one in file.slices if one.time_min]
            highs = [one.time_max for one in file.slices if one.time_max]
            assert all(low <= START + timedelta(days=newest) for low in lows)
            assert not highs or max(highs) >= START + timedelta(days=newest)

    def test_what_was_written_comes_back_in_the_columns_asked_for(self, folder: Path) -> None:
        listed = self._list(folder)
        for file, table in zip(listed.files, (rows_of_days(0, 10), rows_of_days(10, 5)), strict=True):
            found = self._read(listed, file, ("word", "number", "count"))
            assert found.table.to_pydict() == table.select(["word", "number", "count"]).to_pydict()
            assert found.file.path == str(folder / file.path) and found.file.bytes_read > 0 and found.file.sha256

    def test_each_slice_is_read_alone_and_through_a_plan_as_json(self, folder: Path) -> None:
        listed = self._list(folder)
        again: SourceTable = codec.decode(SourceTable, json.loads(codec.canonical(listed)))
        assert again == listed
        parts = [self._read(again, file, ("count",), slices=[one]) for file in again.files for one in file.slices]
        assert [part.table.num_rows for part in parts] == [one.num_rows for f in again.files for one in f.slices]
        assert [count for part in parts for count in part.table.column("count").to_pylist()] == list(range(15))

    def test_a_window_is_half_open_and_rows_without_a_time_are_in_none(self, folder: Path) -> None:
        listed = self._list(folder)
        window: dict[str, Any] = {"time": "time", "start": START + timedelta(days=2), "end": START + timedelta(days=5)}
        assert self._read(listed, listed.files[0], ("count",), **window).table.to_pydict() == {"count": [2, 3, 4]}
        whole: dict[str, Any] = {"time": "time", "start": START, "end": START + timedelta(days=99)}
        assert self._read(listed, listed.files[0], ("count",), **whole).table.num_rows == 9

    def test_reading_twice_gives_the_same_digest_and_other_content_another(self, folder: Path) -> None:
        listed = self._list(folder)
        first, again = (self._read(listed, listed.files[0], ("count",)).file for _ in range(2))
        assert first == again
        self.write(folder / f"a{self.ending}", rows_of_days(1, 10))
        changed = self._list(folder)
        assert changed.files[0].sha256 != listed.files[0].sha256
        assert self._read(changed, changed.files[0], ("count",)).file.sha256 != first.sha256

    def test_a_file_changed_since_it_was_listed_is_not_read(self, folder: Path) -> None:
        listed = self._list(folder)
        self.write(folder / f"a{self.ending}", rows_of_days(100, 10))
        with pytest.raises(IntegrityError, match=f"a{self.ending}"):
            self._read(listed, listed.files[0], _COLUMNS)
        path = folder / f"b{self.ending}"
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises((DataError, IntegrityError), match=f"b{self.ending}"):
            self._read(listed, listed.files[1], _COLUMNS)

    def test_what_cannot_be_used_is_a_data_error_that_names_it(self, folder: Path) -> None:
        listed = self._list(folder)
        with pytest.raises(DataError, match="conut"):
            self._read(listed, listed.files[0], ("conut",))
        with pytest.raises(DataError, match="word"):
            self._list(folder, time="word")
        (folder / f"a{self.ending}").unlink()
        with pytest.raises((DataError, IntegrityError), match=f"a{self.ending}"):
            self._read(listed, listed.files[0], ("count",))
        with pytest.raises(DataError, match="nothing"):
            self._list(folder, pattern=f"nothing*{self.ending}")

    def test_a_file_that_lacks_a_column_is_a_data_error_that_names_both(self, folder: Path) -> None:
        self.write(folder / f"c{self.ending}", rows_of_days(20, 5).drop_columns(["number"]))
        with pytest.raises(DataError, match=f"c{self.ending}.*number"):
            self._list(folder)

    def _source(self) -> Source:
        return plugins.load(plugins.SOURCES, self.source)

    def _list(self, folder: Path, pattern: str = ".", time: str = "time") -> SourceTable:
        return self._source().list_source(ListOrder(pattern=pattern, root=folder, time=time))

    def _read(
        self, listed: SourceTable, file: SourceFile, columns: tuple[str, ...], slices: Sequence[Slice] = (), **more: Any
    ) -> ReadResult:
        """Read slices, ordered as a plan orders them and pickled as if sent to a worker."""
        order = replace(order_of(listed, file, slices or file.slices, columns), **more)
        return self._source().read_slice(pickle.loads(pickle.dumps(order)))
