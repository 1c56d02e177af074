"""Windows: cut, drop, sample, and the checks before training; and the snapshot that records it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from raytemplate.data.conditions import parse_condition
from raytemplate.data.snapshot import snapshot_of
from raytemplate.data.times import between
from raytemplate.data.windows import check_target, check_windows, cut, drop_rows, sample_rows
from raytemplate.errors import DataError
from raytemplate.records.ingested import FileRead, Snapshot


@dataclass(frozen=True)
class Bounds:
    name: str
    start: datetime
    end: datetime


def day(number: int) -> datetime:
    return datetime(2013, 1, number, tzinfo=UTC)


WINDOWS = (Bounds("train", day(1), day(3)), Bounds("validation", day(3), day(4)), Bounds("test", day(4), day(6)))


@pytest.mark.parametrize(
    "kind", [pa.timestamp("ns"), pa.timestamp("us", "UTC"), pa.timestamp("s"), pa.date32()], ids=str
)
def test_windows_are_half_open_and_leave_nothing_twice(kind: pa.DataType) -> None:
    times = pa.array([day(d).replace(tzinfo=None) for d in (6, 5, 4, 3, 2, 1)] + [None]).cast(kind)
    parts = cut(pa.table({"t": times, "n": range(7)}), "t", WINDOWS)
    assert {name: part.column("n").to_pylist() for name, part in parts.items()} == {
        "train": [4, 5],
        "validation": [3],
        "test": [1, 2],
    }


def test_bounds_between_the_ticks_of_a_coarse_column_are_exact() -> None:
    window = Bounds(
        "w", datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    )
    table = pa.table({"t": pa.array([-2, -1, 0, 1], pa.timestamp("s"))})
    assert cut(table, "t", (window,))["w"].column("t").cast(pa.int64()).to_pylist() == [-1, 0]


def test_an_empty_window_names_its_bounds_and_the_newest_time() -> None:
    rows = {"train": 5, "validation": 0, "test": 0}
    with pytest.raises(DataError) as caught:
        check_windows(WINDOWS, rows, {"train": 0, "validation": 1234, "test": 0}, day(3))
    assert str(caught.value) == (
        "no rows in the validation window 2013-01-03 .. 2013-01-04 UTC (data.drop took out all 1,234); "
        "the test window 2013-01-04 .. 2013-01-06 UTC; the newest time in the data is 2013-01-03 UTC"
    )
    assert caught.value.next_step.startswith("--as-of latest")
    check_windows(WINDOWS, {"train": 1, "validation": 1, "test": 1}, {})


def test_an_empty_side_of_a_split_has_no_advice_about_windows() -> None:
    sides = tuple(Bounds(name, day(9), day(9)) for name in ("train", "validation", "test"))
    with pytest.raises(DataError) as refused:
        check_windows(sides, {"train": 5, "validation": 0, "test": 1}, {"validation": 7}, day(3))
    assert str(refused.value) == "no rows in the validation side of data.split (data.drop took out all 7)"
    assert "data.split" in refused.value.next_step and "as-of" not in refused.value.next_step


def test_drop_keeps_rows_for_which_the_condition_is_unknown() -> None:
    table = pa.table({"x": [1, None, 3]})
    kept, dropped = drop_rows(table, pc.field("x") > 2)
    assert (kept.column("x").to_pylist(), dropped) == ([1, None], 1)
    kept, dropped = drop_rows(table, pc.field("x").is_null())
    assert (kept.column("x").to_pylist(), dropped) == ([1, 3], 1)
    assert drop_rows(table, None) == (table, 0)


def test_a_sample_is_seeded_and_the_same_in_every_block() -> None:
    table = pa.table({"n": range(10_000), "m": range(10_000)})
    found = sample_rows(table, ["n"], 0.1, 7).column("n").to_pylist()
    assert len(found) == pytest.approx(1000, abs=100) and found == sorted(set(found))
    parts = [sample_rows(table.slice(at, 777), ["n"], 0.1, 7) for at in range(0, 10_000, 777)]
    assert pa.concat_tables(parts).column("n").to_pylist() == found
    assert found != sample_rows(table, ["n"], 0.1, 8).column("n").to_pylist()
    assert sample_rows(table, ["n"], 1.0, 7) is table
    assert sample_rows(table.slice(0, 0), ["n"], 0.5, 7).num_rows == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, None, None], "target y is missing in 2 of 3 rows of the train window"),
        ([1.0, float("nan")], "target y is missing in 1 of 2 rows of the train window"),
        ([None, None], "target y is missing in 2 of 2 rows of the train window"),
        (["a", "b"], "target y (data.target) is string, expected a number"),
        ([1.0, float("inf")], "target y is infinite or beyond 3.4e38 in 1 row of the train window"),
    ],
    ids=["null", "nan", "all null", "text", "infinite"],
)
def test_a_target_that_cannot_be_learnt_is_refused(values: list[Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        check_target(pa.table({"y": values}), "y")
    assert str(caught.value) == message
    assert ("data.drop: y is null" in caught.value.next_step) == ("missing" in message)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), 1e39])
def test_the_condition_that_it_suggests_drops_an_infinite_target(value: float) -> None:
    table = pa.table({"y": [1.0, value, -2.0, None]})
    with pytest.raises(DataError) as caught:
        check_target(table.slice(0, 3), "y")
    suggested = parse_condition(caught.value.next_step.partition("data.drop: ")[2])
    assert drop_rows(table, suggested.expression(table.schema))[0].column("y").to_pylist() == [1.0, -2.0, None]


def test_a_target_may_be_of_booleans() -> None:
    check_target(pa.table({"y": [True, False]}), "y")


def read(path: str, sha256: str = "00") -> FileRead:
    return FileRead(path=path, size_bytes=100, row_groups=(0,), bytes_read=10, sha256=sha256)


def snapshot(files: Sequence[FileRead], engine: str = "e", **more: Any) -> Snapshot:
    stage = {"columns": ("t", "x"), "time": "t", "drop": "", "windows": WINDOWS}
    rows, dropped = {"train": 5, "validation": 2, "test": 3}, {"train": 1, "validation": 0, "test": 0}
    default = {"split": None, "source": "parquet", "version": "", "name": "", "mask": None, "promises": None}
    rule: Any = SimpleNamespace(**{**default, **stage, **more})
    return snapshot_of(rule, files, rows, dropped, engine)


def test_a_snapshot_counts_windows_and_bytes_and_ignores_the_order_of_files() -> None:
    found = snapshot([read("b"), read("a")])
    assert [f.path for f in found.files] == ["a", "b"]
    assert (found.num_rows, found.num_dropped, found.bytes_read, found.window("test").num_rows) == (11, 1, 20, 3)
    assert found.digest == snapshot([read("a"), read("b")], engine="another").digest


def test_a_snapshot_changes_with_bytes_columns_and_rule() -> None:
    files = [read("a"), read("b")]
    found = [
        snapshot(files),
        snapshot([read("a"), read("b", "01")]),
        snapshot(files, drop="x is null"),
        snapshot(files, columns=("t",)),
        snapshot(files, time="x"),
        snapshot(files, version="7"),
    ]
    assert len({one.digest for one in found}) == 6


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_year_one_is_before_every_time_whatever_its_unit(unit):
    column = pa.chunked_array([pa.array([-(10**9), 0, 10**9], pa.timestamp(unit))])
    everything = between(column, datetime(1, 1, 1, tzinfo=UTC), datetime(2013, 1, 1, tzinfo=UTC))
    assert everything.to_pylist() == [True, True, True]
