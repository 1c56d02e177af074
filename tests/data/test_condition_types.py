"""Which types of columns a condition may compare; Arrow can evaluate everything that is accepted."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import product

import pyarrow as pa
import pytest

from raytemplate.data.condition_types import type_problems
from raytemplate.data.conditions import condition_problem, parse_condition

SCHEMA = {
    "x": "int64", "f": "double", "s": "string", "code": "dictionary<values=string, indices=int32, ordered=0>",
    "b": "bool", "t": "timestamp[us, tz=UTC]", "d": "date32[day]", "tags": "list<element: string>",
    "at": "time64[us]", "empty": "null",
}  # fmt: skip

REFUSED = {
    "x = '7'": ("\"x\" is a number and '7' a text; write 7",),
    "'7' = x": ("\"x\" is a number and '7' a text; write 7",),
    "(x) <> ('seven')": ("\"x\" is a number and 'seven' a text",),
    "f + 1 = '8'": ("f + 1 is a number and '8' a text; write 8",),
    "s = 7": ("\"s\" is a text and 7 a number; write '7'",),
    "code > 7": ("\"code\" is a text and 7 a number; write '7'",),
    "s > x": ('"s" is a text and "x" a number',),
    "t >= '2024-02-30'": (
        "\"t\" is a time and '2024-02-30' is not a date; write it as '2024-01-31' or '2024-01-31T06:00'",
    ),
    "d = 'soon'": ("\"d\" is a time and 'soon' is not a date; write it as '2024-01-31' or '2024-01-31T06:00'",),
    "t > 20240101": ("\"t\" is a time and 20240101 a number; write '2024-01-01'",),
    "t = s": ('"t" is a time and "s" a text',),
    "b = 1": ('"b" is a boolean and 1 a number; write true',),
    "b <> 'false'": ("\"b\" is a boolean and 'false' a text; write false",),
    "x = true": ('"x" is a number and TRUE a boolean',),
    "x in (1, 2) or s in (1, 2)": (
        "\"s\" is a text and 1 a number; write '1'",
        "\"s\" is a text and 2 a number; write '2'",
    ),
    "t in ('2024-01-01', '2024-13-01')": (
        "\"t\" is a time and '2024-13-01' is not a date; write it as '2024-01-31' or '2024-01-31T06:00'",
    ),
    "x between '1' and 5": ("\"x\" is a number and '1' a text; write 1",),
    "t not between 1 and '2024-01-01'": ('"t" is a time and 1 a number',),
    "x like '7%'": ('"x" is a number, expected a text',),
    "t like '2024%'": ('"t" is a time, expected a text',),
    "s + 1 > 2": ('"s" is a text, expected a number',),
    "t - 1 > 2": ('"t" is a time, expected a number',),
    "-b < 1": ('"b" is a boolean, expected a number',),
    "x": ('"x" is a number, expected something that is true or false',),
    "not s": ('"s" is a text, expected something that is true or false',),
    "b and t": ('"t" is a time, expected something that is true or false',),
    "tags = 'a'": ('"tags" is list<element: string>: only is null and is not null can be asked of it',),
    "at > '12:00'": ('"at" is time64[us]: only is null and is not null can be asked of it',),
    "x = '7' and (s = 1 or not d > 3)": (
        "\"x\" is a number and '7' a text; write 7",
        "\"s\" is a text and 1 a number; write '1'",
        '"d" is a time and 3 a number',
    ),
}


@pytest.mark.parametrize(("text", "problems"), REFUSED.items(), ids=REFUSED)
def test_every_comparison_of_different_kinds_is_named(text, problems):
    assert type_problems(parse_condition(text).text, SCHEMA) == problems


FINE = (
    "x = 7", "f in (1, 2.5, -3)", "x between 1 and f", "s = '7'", "code like 'a%'", "b", "not b or b = true",
    "t >= '2024-02-29'", "t = d", "d in ('2024-01-01')", "tags is null", "at is not null", "empty = 'a' or empty > 3",
    "not empty", "unknown = 'a' and unknown > 3", "s is null and x is not null",
)  # fmt: skip


@pytest.mark.parametrize("text", FINE)
def test_nothing_is_said_of_what_can_be_asked(text):
    assert type_problems(parse_condition(text).text, SCHEMA) == ()


DAY = datetime(2020, 1, 1)
TABLE = pa.table(
    {
        "i8": pa.array([100, None], pa.int8()),
        "i": [1, 2**62],
        "u": pa.array([1, 2**63], pa.uint64()),
        "h": pa.array([1, None], pa.float16()),
        "f32": pa.array([0.5, 2], pa.float32()),
        "f": [1.5, 1e300],
        "dec": [Decimal("1.5"), None],
        "s": ["a", "7"],
        "ls": pa.array(["a", "7"], pa.large_string()),
        "ds": pa.array(["a", None]).dictionary_encode(),
        "di": pa.array([1, 2]).dictionary_encode(),
        "b": [True, None],
        "ts": pa.array([DAY, None], pa.timestamp("s")),
        "tn": pa.array([DAY, None], pa.timestamp("ns")),
        "tz": pa.array([DAY, DAY], pa.timestamp("us", "Europe/Berlin")),
        "d": [DAY.date(), None],
        "d64": pa.array([DAY.date(), None], pa.date64()),
        "at": [time(1), None],
        "l": [[1], None],
        "n": pa.nulls(2),
        "gap": [timedelta(1), None],
    }
)
TYPES = {field.name: str(field.type) for field in TABLE.schema}
LITERALS = (
    "1",
    "1.5",
    "-1",
    "'7'",
    "'2020-01-01'",
    "'1000-01-01T12:00'",
    "true",
    "9223372036854775807",
    "'2020-02-30'",
)
FORMS = (
    "{0} = {1}", "{1} < {0}", "{0} between {1} and {1}", "{0} + 100 > {1}", "-{0} < {1}", "{0} / 2 < {1}", "{0}",
    "not {0}", "{0} and b", "{0} like '7%'", "{0} not like '7%'", "{0} is null", "{0} <> {1} or {0} is not null",
)  # fmt: skip


@pytest.mark.slow
def test_what_is_let_through_can_be_done():
    listed = [f"{name} in ({one}, {one})" for name, one in product(TYPES, LITERALS) if one != "true"]
    pairs = product(TYPES, (*LITERALS, *TYPES), FORMS)
    passed = 0
    for text in (*listed, *dict.fromkeys(form.format(one, other) for one, other, form in pairs)):
        if not type_problems(parse_condition(text).text, TYPES):
            TABLE.filter(parse_condition(text).expression(TABLE.schema))
            passed += 1
    assert passed > 1000


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("d = '2020-01-01T12:00'", 0),
        ("d < '2020-01-01T12:00'", 1),
        ("tz = '2020-01-01'", 2),
        ("tn > '1000-01-01'", 1),
        ("ts = d", 1),
        ("'2019-12-31' between ts and '2021-01-01'", 0),
        ("dec = 1.5", 1),
        ("dec in (1, 1.5)", 1),
        ("i8 + 100 > 150", 1),
        ("-u < 0", 2),
        ("i = 4611686018427387904", 1),
        ("ds like 'a%'", 1),
        ("f > 9223372036854775807", 1),
    ],
)
def test_values_are_compared_as_what_they_are(text, rows):
    assert TABLE.filter(parse_condition(text).expression(TABLE.schema)).num_rows == rows


def test_a_day_is_its_first_moment():
    days = pa.table({"d": [date(2020, 1, 1), date(2020, 1, 2)]})
    assert days.filter(parse_condition("d <= '2020-01-01T23:59'").expression(days.schema)).num_rows == 1


NEVER_TRUE = {
    "s = ''": "s = '': blank text is missing, so nothing is equal to it; write s is null",
    "'\u00a0 ' = \"a b\"": (
        "'\u00a0 ' = \"a b\": blank text is missing, so nothing is equal to it; write \"a b\" is null"
    ),
    "x > 1 or not (s like ' ')": "s LIKE ' ': blank text is missing, so nothing is equal to it; write s is null",
    "s in ('', 'a', 'NA')": (
        "s IN ('', 'a', 'NA'): blank text is missing, so nothing is equal to it; write s is null or s in ('a')"
    ),
    "s in ('NA ')": (
        "s IN ('NA '): 'NA ' is listed in data.csv.missing and is missing, so nothing is equal to it; write s is null"
    ),
    "x = -999": (
        "x = -999: -999 is listed in data.csv.missing and is missing, so nothing is equal to it; write x is null"
    ),
    "f in (1, -999.0)": (
        "f IN (1, -999.0): -999.0 is listed in data.csv.missing and is missing, so nothing is equal to it; "
        "write f is null or f in (1)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", NEVER_TRUE)
def test_a_value_that_counts_as_missing_is_not_compared_with(text):
    assert condition_problem(text, ("", "NA", "-999")) == NEVER_TRUE[text]


@pytest.mark.parametrize(
    "text", ["s <> ''", "s is null", '"" is not null', "s = 'a'", "s >= ''", "x = 999", "s = '-1'"]
)
def test_other_values_may_be_compared_with(text):
    assert condition_problem(text, ("", "NA", "-999")) == ""
