"""Promises of columns: which values break them, for every type that a source may return."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from breaches import breaches

from raytemplate.data.contract import refuse_breaches
from raytemplate.errors import DataError

DAY = datetime(2013, 1, 5, tzinfo=UTC)
COLUMNS = {
    "nan is missing": (pa.array([1.0, float("nan"), None]), {"type": "number", "nullable": False}, 2, "missing"),
    "null column": (pa.nulls(3), {"type": "text", "nullable": False, "values": ["a"]}, 3, "missing"),
    "limits are allowed": (pa.array([0, 5, 10]), {"type": "integer", "min": 0, "max": 10}, 0, ""),
    "below": (pa.array([-1, 5, None]), {"type": "integer", "min": 0}, 1, "-1"),
    "infinite": (pa.array([1.0, float("inf")]), {"type": "number", "max": 1e300}, 1, "inf"),
    "decimals": (pa.array([Decimal("1.5"), Decimal("9.5")]), {"type": "number", "max": 9}, 1, "9.5"),
    "unsigned": (pa.array([1, 255], pa.uint8()), {"type": "integer", "values": [1]}, 1, "255"),
    "not whole": (pa.array([1.0, 2.5, None]), {"type": "integer"}, 1, "2.5"),
    "no such value": (pa.array(["EWR", "XXX", None]), {"type": "text", "values": ["EWR", "JFK"]}, 1, "XXX"),
    "dictionary": (pa.array(["a", "b"]).dictionary_encode(), {"type": "text", "values": ["a"]}, 1, "b"),
    "large text": (pa.array(["a", "b"], pa.large_string()), {"type": "text", "values": ["a"]}, 1, "b"),
    "boolean": (pa.array([True, False]), {"type": "boolean", "values": [True]}, 1, "False"),
    "time with a zone": (pa.array([DAY], pa.timestamp("ns", "Asia/Tokyo")), {"type": "time", "max": "2013-01-04"}, 1,
                         "2013-01-05"),
    "time without one": (pa.array([DAY.replace(tzinfo=None)]), {"type": "time", "min": "2013-01-05"}, 0, ""),
    "sixteen bits": (pa.array([1.0, 2.5, None], pa.float16()), {"type": "integer", "max": 2}, 2, "2.5"),
    "date": (pa.array([DAY.date()]), {"type": "time", "min": "2013-01-06"}, 1, "2013-01-05"),
}  # fmt: skip


@pytest.mark.parametrize(("column", "rule", "count", "value"), COLUMNS.values(), ids=COLUMNS)
def test_rows_that_break_a_promise_are_counted(column, rule, count, value):
    found = breaches(pa.table({"x": column}), {"x": rule}, "a.csv")
    assert sum(breach.num_rows for breach in found) == count
    assert all(breach.location == "a.csv" and breach.value.startswith(value) for breach in found)


def test_counts_add_up_and_the_first_row_is_named():
    rule = {"x": {"type": "integer", "max": 3}}
    parts = [breaches(pa.table({"x": [1, n]}), rule, f"{n}.parquet") for n in (2, 8, 9)]
    with pytest.raises(DataError) as refused:
        refuse_breaches([breach for part in parts for breach in part], 6)
    assert refused.value.what == 'contract.columns.x: 2 of 6 rows break "max: 3"; the first in 8.parquet, row 2: 8'
    assert refused.value.exit_code == 2


def test_no_rows_break_nothing():
    assert breaches(pa.table({"x": pa.array([], pa.string())}), {"x": {"type": "text", "values": ["a"]}}, "") == ()


REGEX = {
    "whole texts only": (pa.array(["N1", "xN1", "N1x", None]), 2),
    "no value at all": (pa.nulls(2), 0),
    "dictionary": (pa.array(["N1", "M1"]).dictionary_encode(), 1),
}


@pytest.mark.parametrize(("column", "count"), REGEX.values(), ids=REGEX)
def test_a_regular_expression_must_match_the_whole_text(column, count):
    found = breaches(pa.table({"x": column}), {"x": {"type": "text", "regex": "N[0-9]|M2"}}, "")
    assert sum(breach.num_rows for breach in found) == count


def test_missing_values_are_compared_with_the_share_of_all_parts_together():
    rule = {"x": {"type": "number", "max_missing": "25 %"}}
    parts = [breaches(pa.table({"x": column}), rule, "") for column in ([None, 1.0], [2.0, 3.0])]
    refuse_breaches([breach for part in parts for breach in part], 4)
    with pytest.raises(DataError) as refused:
        refuse_breaches(parts[0], 2)
    assert refused.value.what == 'contract.columns.x: missing in 1 of 2 rows, which breaks "max_missing: 25 %"'
