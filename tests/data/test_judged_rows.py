"""Rows that break promises without ending the run: marked while they are read, taken out of windows later."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from raytemplate.data.judged_rows import joined, take_out
from raytemplate.data.promises import Promises, RowPromise
from raytemplate.data.quarantine import QuarantineFile, check_amount, check_quarantined, to_bytes
from raytemplate.data.raw_rows import RowRules, judge_rows
from raytemplate.errors import DataError
from raytemplate.records.codec import Settings
from raytemplate.records.contracted import ContractFound

ROWS = pa.table({"wind": [10.0, 1048.0, None, 130.0], "temp": [50.0, 60.0, 13.0, 20.0], "id": ["a", "b", "c", "d"]})


def promised(*rows: tuple[str, str]) -> Promises:
    return Promises(rows=tuple(RowPromise(rule=rule, on_breach=fate) for rule, fate in rows))


def judged(promises: Promises, table: pa.Table = ROWS, before: int = 0, **rules):
    found = RowRules(promises=promises, **rules)
    return judge_rows(table, found, (), "a.csv", lambda: before + np.arange(1, table.num_rows + 1))


def sorted_out(promises: Promises, **rules):
    table, _ = judged(promises, **rules)
    return take_out(table, "train", str, ("id",))


def test_a_row_breaks_a_condition_only_if_it_is_false():
    rows, found = sorted_out(promised(("wind <= 120", "quarantine")))
    assert rows.column("id").to_pylist() == ["a", "c"]
    assert found.found.quarantined == {"train": 2}
    (broken,) = found.found.broken
    assert [(one.row, one.values) for one in broken.examples] == [
        (2, (("wind", "1048.0"), ("id", "b"))),
        (4, (("wind", "130.0"), ("id", "d"))),
    ]
    assert broken.text == (
        'contract.rows: 2 rows break "wind <= 120", quarantined; the first: a.csv, row 2: wind 1048.0, id b'
    )


def test_a_row_is_quarantined_if_one_promise_says_so_and_counts_for_each():
    rows, found = sorted_out(promised(("temp > 30", "drop"), ("wind <= 120", "quarantine"), ("wind > 20", "warn")))
    assert rows.column("id").to_pylist() == ["a"]
    assert (found.found.quarantined, found.found.dropped) == ({"train": 2}, {"train": 1})
    assert [(one.promise, one.num_rows) for one in found.found.broken] == [
        ("temp > 30", 2), ("wind <= 120", 2), ("wind > 20", 1),
    ]  # fmt: skip
    assert found.quarantined is not None
    assert found.quarantined.column("_rule").to_pylist() == ["wind <= 120", "temp > 30; wind <= 120"]


def test_rows_that_data_drop_takes_out_break_nothing():
    rows, found = sorted_out(promised(("wind <= 120", "quarantine")), drop="temp = 60")
    assert found.found.quarantined == {"train": 1}
    assert rows.column("id").to_pylist() == ["a", "b", "c"]  # the one to drop is only marked


def test_a_promise_of_a_column_may_quarantine_too():
    column = Settings({"id": {"type": "text", "regex": "[abc]", "on_breach": "quarantine"}})
    rows, found = sorted_out(Promises(), contract=column)
    assert rows.column("id").to_pylist() == ["a", "b", "c"]
    assert found.found.broken[0].path == "contract.columns.id" and found.found.broken[0].promise == "regex: [abc]"


def test_a_promise_that_fails_is_a_breach_and_marks_nothing():
    table, breaches = judged(promised(("wind <= 120", "fail")))
    assert take_out(table, "train", str)[0].num_rows == 4
    assert [(one.num_rows, one.value) for one in breaches] == [(2, "wind 1048.0")]


def test_parts_in_any_order_come_to_the_same():
    promises = promised(("wind <= 120", "quarantine"), ("temp > 30", "warn"))
    parts = [judged(promises, ROWS.slice(start, 2), start)[0] for start in (0, 2)]
    found = [take_out(part, window, str)[1].found for part, window in zip(parts, ("train", "test"), strict=True)]
    assert joined(found) == joined(reversed(found))
    assert joined(found).quarantined == {"train": 1, "test": 1}


def test_too_many_quarantined_rows_are_refused():
    found = sorted_out(promised(("wind <= 120", "quarantine")))[1].found
    with pytest.raises(DataError, match=r"2 of 4 rows of the train window are quarantined \(50 %\), expected at m"):
        check_quarantined(Promises(max_quarantined_share=0.01), found, {"train": 2})
    with pytest.raises(DataError, match="2 rows are quarantined, expected at most 1"):
        check_quarantined(Promises(max_quarantined=1), found, {"train": 2})
    check_quarantined(Promises(max_quarantined_share=0.5, max_quarantined=2), found, {"train": 2})


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match=r"contract.min_rows: 5 rows are left in the windows, expected at least 6"):
        check_amount(Promises(min_rows=6), ContractFound(), {"train": 3, "test": 2}, np.datetime64("now").item())


def test_the_quarantine_is_one_file_that_a_later_reading_replaces(tmp_path):
    import pyarrow.parquet as pq

    path = tmp_path / "quarantine.parquet"
    rows = sorted_out(promised(("wind <= 120", "quarantine")))[1].quarantined
    with QuarantineFile(path) as apart:
        apart.add(rows)
        apart.add_bytes(to_bytes([None, rows]))
    table = pq.read_table(path)
    assert table.column_names == ["_rule", "_file", "_row", "wind", "temp", "id"]
    assert table.column("_row").to_pylist() == [2, 4, 2, 4]
    with QuarantineFile(path):
        pass
    assert list(tmp_path.iterdir()) == []
