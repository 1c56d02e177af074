"""`raytemplate.data.conditions`: what a condition may be, and which rows it matches."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pytest

from raytemplate.data.conditions import Condition, parse_condition

TABLE = pa.table(
    {
        "row": [0, 1, 2],
        "a": [1, None, 3],
        "s": ["x", "yy", None],
        "b": [True, False, None],
        "t": pa.array([datetime(2013, 1, 1), datetime(2013, 2, 1), None], pa.timestamp("us")),
        "z": pa.array([datetime(2013, 1, 1), datetime(2013, 2, 1), None], pa.timestamp("ns", "UTC")),
        "d": pa.array([date(2013, 1, 1), date(2013, 2, 1), None]),
    }
)


def matched(text: str) -> list[int]:
    return TABLE.filter(parse_condition(text).expression(TABLE.schema))["row"].to_pylist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a is null", [1]),
        ("a is not null", [0, 2]),
        ("a = 1", [0]),
        ("a <> 1", [2]),
        ("a in (1, -2)", [0]),
        ("a not in (1)", [2]),
        ("a between 1 and 2", [0]),
        ("s like 'x%'", [0]),
        ("s not like 'x%'", [1]),
        ("b", [0]),
        ("not b", [1]),
        ("b = true", [0]),
        ("not (a > 1)", [0]),
        ("a > 1 or b is null", [2]),
        ("(a = 1) and s = 'x'", [0]),
        ("a + 1 > 3", [2]),
        ("a * (2 + 1) - 1 = 2", [0]),
        ("a / 2 = 1.5", [2]),
        ("a / 0 > 1", []),
        ("-a < -1", [2]),
        ("t > '2013-01-15'", [1]),
        ("z >= '2013-02-01T01:00+01:00'", [1]),
        ("d between '2013-01-02' and '2013-03-01'", [1]),
        ("t in ('2013-01-01')", [0]),
    ],
)
def test_condition_matches(text: str, rows: list[int]) -> None:
    assert matched(text) == rows


def test_dropping_keeps_rows_where_the_condition_is_null() -> None:
    kept = TABLE.filter(~parse_condition("a > 1").expression())
    assert kept["row"].to_pylist() == [0, 1]


def test_columns_are_named_once_in_order() -> None:
    text = 'b = 1 or a > 2 and b < 3 or "Air Time" is null'
    assert parse_condition(text) == Condition(text, ("b", "a", "Air Time"))


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("f(a) = 1", "f(a) is not allowed"),
        ("a + 1", "a + 1 is not true or false"),
        ("a and 1", "1 is not true or false"),
        ("1", "1 is not true or false"),
        ("a || b", "a || b is not allowed"),
        ("t.a = 1", "t.a is not allowed"),
        ("a in (select 1)", "a IN (SELECT 1) is not allowed"),
        ("select 1", "SELECT 1 is not allowed"),
        ("drop table x", "DROP TABLE x is not allowed"),
        ("a = 1; b = 2", "it is more than one statement"),
        ("cast(a as int) = 1", "CAST(a AS INT) is not allowed"),
        ("a is true", "a IS TRUE is not allowed; only is null and is not null are"),
        ("a = null", "nothing equals null; write is null or is not null"),
        ("sum(a) over () > 1", "sum(a) OVER () is not allowed"),
        ("case when a then b end", "CASE WHEN a THEN b END is not allowed"),
        ("a = current_date", "CURRENT_DATE is not allowed"),
        ("@a = 1", "@a is not allowed"),
        ("a in (b)", "a IN (b) is not allowed; in needs a list of numbers or texts"),
        ("a in (1, 'x')", "a IN (1, 'x') mixes numbers and texts"),
        ("a like s", "a LIKE s is not allowed; like needs a text"),
        ("a + 'x' > 1", "'x' is not a number"),
        (f"a > 1{'0' * 38}", f"1{'0' * 38} is too large"),
        ("1 = 1", "it names no column"),
        ("", "it is empty"),
        ("a =", "it cannot be read at '='"),
        ("(" * 900 + "a" + ")" * 900, "it is nested too deep"),
        ("a=" * 800 + "a", "it is nested more than 100 deep"),
    ],
    ids=lambda text: text[:24],
)
def test_condition_is_refused(text: str, trouble: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_condition(text)
    expected = 'expected a SQL condition over columns such as "air_time is null"'
    assert str(caught.value) == f'got "{text}", {expected}; {trouble}'


def test_text_that_is_no_time_is_refused_with_the_schema() -> None:
    with pytest.raises(ValueError, match=r'^got "soon", expected a date or time'):
        parse_condition("t > 'soon'").expression(TABLE.schema)


def test_blanks_around_a_text_do_not_count():
    table = pa.table({"k": ["red", "blue", None]})
    for condition in ("k = 'red   '", "k in (' red', 'x')", "k <> 'blue '"):
        assert table.filter(parse_condition(condition).expression(table.schema))["k"].to_pylist() == ["red"]
