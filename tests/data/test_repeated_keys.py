"""Keys that occur more than once, found by their hashes in memory and in files."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from raytemplate.data.repeated_keys import AT, KEY, KeyIndex, entries, file_of, key_column, position, row_of


def rows_of(table: pa.Table, columns: list[str], file: int = 0) -> pa.Table:
    at = position(file, np.arange(1, table.num_rows + 1))
    return table.append_column(f"{KEY}0", key_column(table, columns)).append_column(AT, pa.array(at))


def repeated(*tables: pa.Table, columns: list[str], most: int = 10, folder=None) -> list[tuple[int, int]]:
    with KeyIndex(folder, most) as index:
        for number, table in enumerate(tables):
            index.add(entries(rows_of(table, columns, number), 0, np.ones(table.num_rows, bool)))
        found = index.repeated()
    return list(zip(file_of(found).tolist(), row_of(found).tolist(), strict=True))


PAIRS = pa.table({"a": [1, 1, 2, 1], "b": ["x", "y", "x", "x"]})


def test_the_first_row_of_a_key_stays():
    assert repeated(PAIRS, columns=["a", "b"]) == [(0, 4)]
    assert repeated(PAIRS, PAIRS, columns=["a", "b"]) == [(0, 4), (1, 1), (1, 2), (1, 3), (1, 4)]


def test_a_row_with_a_missing_part_has_no_key():
    table = pa.table({"a": [1.0, float("nan"), float("nan"), 1.0], "b": [" ", "x", "x", None]})
    assert repeated(table, columns=["a", "b"]) == []


def test_the_order_of_columns_and_types_of_numbers_matter_as_they_should():
    swapped = pa.table({"a": ["x", "y"], "b": ["y", "x"]})
    assert repeated(swapped, columns=["a", "b"]) == []
    assert repeated(pa.table({"a": [7]}), pa.table({"a": [7.0]}), columns=["a"]) == [(1, 1)]


@pytest.mark.parametrize("most", [10, 100_000])
def test_beyond_what_memory_holds_keys_go_to_files_with_the_same_result(most, tmp_path):
    values = np.random.default_rng(0).integers(0, 3_000, 4_000)
    first = {value: index for index, value in reversed(list(enumerate(values.tolist())))}
    expected = [(0, n + 1) for n, value in enumerate(values.tolist()) if first[value] != n]
    assert repeated(pa.table({"a": values}), columns=["a"], most=most, folder=tmp_path) == expected
    assert list(tmp_path.iterdir()) == []
