"""Raw profiles of two runs side by side: what differs, and in which order."""

from datetime import datetime

import pyarrow as pa

from raytemplate.data.profile.summary import window_profile
from raytemplate.data.profile.table import Asked, table_profile
from raytemplate.reports.profiles_compared import column_shifts


def profile_of(**columns):
    rows = pa.table(columns)
    asked = Asked(columns=tuple(columns), time="", target="", task="", positive="")
    return window_profile("train", table_profile(rows, asked), datetime(2013, 1, 1), datetime(2013, 2, 1))


def shifts(first, second):
    found = column_shifts(profile_of(**first), profile_of(**second))
    return [(one.column, shift.what, shift.first, shift.second) for one in found for shift in one.shifts]


def test_columns_that_differ_come_by_how_much():
    first = {"same": [1.0, 2.0] * 50, "little": [1.0] * 50 + [2.0] * 50, "much": [1.0, 2.0] * 50}
    second = {"same": [2.0, 1.0] * 50, "little": [1.0] * 49 + [2.0] * 51, "much": [7.0, None] * 50}
    assert shifts(first, second) == [
        ("much", "missing", "none", "50.0 %"),
        ("much", "mean", "1.5", "7"),
        ("much", "std", "0.5", "0"),
        ("much", "median", "1", "7"),
        ("much", "distinct", "2", "1"),
        ("much", "frequent values", "1 50 %, 2 50 %", "7 50 %"),
        ("little", "mean", "1.5", "1.51"),
        ("little", "std", "0.5", "0.4999"),
        ("little", "median", "1", "2"),
    ]


def test_new_and_vanished_values_and_columns():
    first = {"carrier": ["AA"] * 80 + ["OO"] * 20, "old": [1] * 100, "kind": [1] * 100}
    second = {"carrier": ["AA"] * 70 + ["ZZ"] * 30, "kind": ["a"] * 100, "new": [1] * 100}
    assert shifts(first, second) == [
        ("old", "type", "integer", "-"),
        ("kind", "type", "integer", "text"),
        ("kind", "frequent values", "1 100 %", "a 100 %"),
        ("new", "type", "-", "integer"),
        ("carrier", "frequent values", "OO 20 %", "ZZ 30 %"),
    ]


def test_a_value_that_may_only_have_fallen_out_of_the_list_has_not_vanished():
    many = [f"v{n:02}" for n in range(21)]
    first = [value for n, value in enumerate(many) for _ in range(100 - n)]
    second = [value for n, value in enumerate(many) for _ in range(80 + n)]
    assert shifts({"a": first}, {"a": second}) == []


def test_distinct_values_that_grow_with_the_rows_come_last():
    first = {"plane": [f"N{n}" for n in range(100)], "x": [0.0, 1.0] * 50}
    second = {"plane": [f"N{n}" for n in range(200)], "x": [0.0, 1.2] * 100}
    assert [column for column, what, *_ in shifts(first, second) if what in ("distinct", "mean")] == ["x", "plane"]
