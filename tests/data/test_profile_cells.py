"""Profiles of windows: kept by file, cut at the windows' edges, made again if a file, the mask or the cell changed."""

import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytemplate.data.masking import Mask
from raytemplate.data.profile.cells import Cells
from raytemplate.data.profile.column import few_values
from raytemplate.data.profile.stretches import Stretch, known_in, tiles
from raytemplate.data.profile.table import Asked
from raytemplate.data.profile.windows import Profiled, ProfileOrder, profile_windows
from raytemplate.data.sources.listing import Slice, SourceFile
from raytemplate.data.sources.reader import list_files
from raytemplate.data.sources.source import ListOrder
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import Split
from raytemplate.planning.stages import Window
from raytemplate.records.codec import Settings

JANUARY = datetime(2024, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return JANUARY + timedelta(days=number)


def write(folder: Path, name: str, first: int, num_days: int) -> None:
    """Four rows a day: x is the number of the day, y goes from 0 to 3."""
    days = [first + n // 4 for n in range(4 * num_days)]
    table = pa.table({"at": [day(n) for n in days], "x": days, "y": [float(n % 4) for n in range(4 * num_days)]})
    pq.write_table(table, folder / f"{name}.parquet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, first, num_days in (("a", 0, 31), ("b", 31, 29), ("c", 60, 31)):
        write(tmp_path, name, first, num_days)
    return tmp_path


def profiled(folder: Path, *edges: int, **changes: object) -> Profiled:
    names = ("train", "validation", "test")
    windows = tuple(
        Window(name=name, start=day(start), end=day(end), length="", num_rows=0, exact=True)
        for name, start, end in zip(names, edges, edges[1:], strict=False)
    )
    order = ProfileOrder(
        source=list_files("auto", ListOrder(pattern="*.parquet", root=folder, time="at")),
        windows=windows,
        columns=("at", "x", "y"),
        asked=Asked(columns=("at", "x", "y"), time="at", target="y"),
        rules=Rules(),
    )
    order = ProfileOrder(**{name: changes.get(name, getattr(order, name)) for name in order.__slots__})
    return profile_windows(order, Cells(root=folder / "profiles"))


def test_windows_are_cut_exactly_and_nothing_outside_them_is_known(folder: Path) -> None:
    found = profiled(folder, 0, 40, 47, 61).windows

    assert [(one.num_rows, one.columns["x"].min, one.columns["x"].max) for one in found.values()] == [
        (160, 0, 39), (28, 40, 46), (56, 47, 60),
    ]  # fmt: skip
    assert list(found["test"].periods)[::13] == ["2024-02-17", "2024-03-01"]
    assert {period.mean for period in found["train"].periods.values()} == {1.5}


def test_next_month_reads_only_what_it_has_not_seen_and_finds_the_same(folder: Path) -> None:
    first = profiled(folder, 0, 40, 47, 60)
    again = profiled(folder, 0, 40, 47, 60)
    month = profiled(folder, 0, 71, 78, 91)

    assert (first.num_kept, again.num_kept, month.num_kept, month.num_files) == (0, 2, 2, 3)
    assert again.windows == first.windows
    for path in folder.glob("profiles/*/*.cell"):
        path.unlink()
    assert profiled(folder, 0, 71, 78, 91).windows == month.windows


def test_changed_file_condition_or_mask_is_profiled_again(folder: Path) -> None:
    profiled(folder, 0, 40, 47, 61)
    write(folder, "b", 31, 28)
    assert profiled(folder, 0, 40, 47, 61).num_kept == 2
    assert profiled(folder, 0, 40, 47, 61, drop="y = 3").num_kept == 0
    masked = profiled(folder, 0, 40, 47, 61, mask=Mask(rules=Settings({"x": {"bucket": 10}})))
    assert masked.num_kept == 0 and few_values(masked.windows["validation"].columns["x"], 9) == {40.0: 28}


def test_cell_that_was_tampered_with_is_thrown_away_and_named(folder: Path) -> None:
    before = profiled(folder, 0, 40, 47, 61)
    cell = min(folder.glob("profiles/*/*.cell"), key=lambda path: path.name)
    content = bytearray(cell.read_bytes())
    content[len(content) // 2] ^= 1
    cell.write_bytes(content)

    found = profiled(folder, 0, 40, 47, 61)
    assert (found.thrown_away, found.num_kept, found.windows) == ((str(cell),), 2, before.windows)
    assert profiled(folder, 0, 40, 47, 61).thrown_away == ()


def test_file_touched_without_a_new_footer_is_read_again(folder: Path) -> None:
    profiled(folder, 0, 40, 47, 61)
    os.utime(folder / "a.parquet", (1, 1))

    assert profiled(folder, 0, 40, 47, 61).num_kept == 2


def test_file_written_anew_under_its_old_time_is_read_again(folder: Path) -> None:
    profiled(folder, 0, 40, 47, 61)
    path = folder / "a.parquet"
    before = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert profiled(folder, 0, 40, 47, 61).num_kept == 2


def test_sides_of_a_split_are_profiled_apart(folder: Path) -> None:
    split = Split(validation=0.2, test=0.2, seed=1, columns=("at", "y"), by_keys=True, kinds=("time", "number"))
    found = [profiled(folder, 0, 1, 2, 3, split=split, asked=Asked(columns=("x",))) for _ in range(2)]

    rows = [one.num_rows for one in found[0].windows.values()]
    assert sum(rows) == 4 * 91 and all(40 < n < 280 for n in rows)
    assert found[1].windows == found[0].windows and (found[1].num_kept, found[1].num_files) == (3, 3)


@given(st.integers(0, 80), st.integers(1, 60), st.integers(1, 300), st.data())
def test_tiles_cover_a_window_without_gap_or_overlap(start: int, length: int, days: int, data: st.DataObject) -> None:
    pairs = [(data.draw(st.integers(0, 89)), data.draw(st.integers(1, 40))) for _ in range(5)]
    known = [Stretch(start=day(start), end=day(start + length)) for start, length in pairs]
    rows = Slice(number=0, num_rows=1, time_min=day(0), time_max=day(days))
    found = tiles(SourceFile(path="a", size_bytes=1, sha256="", slices=(rows,)), day(start), day(start + length), known)

    if found:
        assert (found[0].start, found[-1].end) == (day(start), min(day(start + length), day(days + 1)))
    assert bool(found) == (start <= days)
    assert all(a.end == b.start for a, b in pairwise(found))
    assert known_in([one.name for one in found]) == found
