"""The contract of a source without files as tests; the author of such a source subclasses the suite.

class TestMine(TableSourceSuite):
    source = "mine"

    def write(self, folder, table): ...
    def order(self, folder, time): ...
"""

import json
import pickle
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from raytemplate import plugins
from raytemplate.data.sources.listing import SourceTable
from raytemplate.data.sources.source import ListOrder, ReadResult, SliceOrder, Source, order_of
from raytemplate.errors import DataError
from raytemplate.records import codec
from raytemplate.testing.source_suite import START, rows_of_days

_COLUMNS = ("time", "number", "count", "word")
_DAYS = 15


class TableSourceSuite:
    """What every source without files must do."""

    source: ClassVar[str]
    """Its name in `plugins.py` or among the entry points."""

    def write(self, folder: Path, table: pa.Table) -> None:
        """Store the rows of a table, in place of what was there: times, numbers, whole numbers and text, some of them
        missing."""
        raise NotImplementedError

    def order(self, folder: Path, time: str) -> ListOrder:
        """The order that lists what was stored, with the columns time, number, count and word."""
        raise NotImplementedError

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A folder in which a table of 15 days is stored."""
        self.write(tmp_path, rows_of_days(0, _DAYS))
        return tmp_path

    def test_it_lists_the_rows_and_columns_the_same_each_time(self, folder: Path) -> None:
        found = self._list(folder)
        assert found.kind == self.source and self._source().endings == ()
        assert sum(file.num_rows for file in found.files) == _DAYS and set(found.schema) == set(_COLUMNS)
        assert all(file.sha256 for file in found.files) and self._list(folder) == found

    def test_the_times_it_lists_hold_those_of_the_rows(self, folder: Path) -> None:
        found = self._list(folder)
        assert found.time_min is None or found.time_min <= START
        assert found.time_max is None or found.time_max >= START + timedelta(days=_DAYS - 2)

    def test_what_was_stored_comes_back_through_a_plan_as_json(self, folder: Path) -> None:
        listed = self._list(folder)
        again: SourceTable = codec.decode(SourceTable, json.loads(codec.canonical(listed)))
        assert again == listed
        rows = [row for part in self._read(again, ("word", "number", "count")) for row in part.table.to_pylist()]
        expected = rows_of_days(0, _DAYS).select(["word", "number", "count"]).to_pylist()
        assert sorted(rows, key=lambda row: row["count"]) == expected

    def test_a_window_is_half_open_and_rows_without_a_time_are_in_none(self, folder: Path) -> None:
        def counts(start: int, end: int) -> list[int]:
            window = {"time": "time", "start": START + timedelta(days=start), "end": START + timedelta(days=end)}
            parts = self._read(self._list(folder), ("count",), **window)
            return sorted(count for part in parts for count in part.table.column("count").to_pylist())

        assert counts(2, 5) == [2, 3, 4] and len(counts(0, 99)) == _DAYS - 1

    def test_reading_twice_gives_the_same_digest_and_other_content_another(self, folder: Path) -> None:
        first, again = ([part.file.sha256 for part in self._read(self._list(folder), ("count",))] for _ in range(2))
        assert first == again and all(first)
        self.write(folder, rows_of_days(1, _DAYS))
        assert [part.file.sha256 for part in self._read(self._list(folder), ("count",))] != first

    def test_what_cannot_be_used_is_a_data_error_that_names_it(self, folder: Path) -> None:
        with pytest.raises(DataError, match="conut"):
            self._read(self._list(folder), ("conut",))
        with pytest.raises(DataError, match="tmie"):
            self._list(folder, time="tmie")

    def _source(self) -> Source:
        return plugins.load(plugins.SOURCES, self.source)

    def _list(self, folder: Path, time: str = "time") -> SourceTable:
        return self._source().list_source(self.order(folder, time))

    def _read(self, listed: SourceTable, columns: tuple[str, ...], **more: Any) -> list[ReadResult]:
        """Read every file, ordered as a plan orders it and pickled as if sent to a worker."""
        orders = (replace(order_of(listed, file, file.slices, columns), **more) for file in listed.files)
        sent: list[SliceOrder] = [pickle.loads(pickle.dumps(order)) for order in orders]
        return [self._source().read_slice(order) for order in sent]
