"""A text is read as the value it spells, or refused with file, line and value; never read as another value."""

import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_text_files import listed, rows

from raytemplate.data.sources.text.date_formats import format_fault, read_dates
from raytemplate.data.sources.text.rules import Head, Misread, Reading, Rules
from raytemplate.data.sources.text.source import JSONL
from raytemplate.errors import DataError

EPOCH = datetime(1970, 1, 1)
FORMATS = (
    "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%Y%m%d", "%Y", "%Y-%m", "%d %b %Y", "%d-%B-%y", "%j/%Y", "%H:%M %d.%m.%Y",
    "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%d/%m/%Y %H:%M:%S.%f", "%Y%m%d%H%M", "%d.%m.%Y %z", "%a %d %b %Y",
)  # fmt: skip


def strict(text, form):
    """What Python reads, in UTC; None if nothing."""
    try:
        found = datetime.strptime(text, form)
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(FORMATS),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from([*"0123456789.:/ -+xZ", ""]), st.booleans()), max_size=2),
)
def test_a_date_is_what_python_reads_or_refused(form, moment, changes):
    moment = moment.replace(tzinfo=UTC)
    text = moment.strftime(form)
    if "%Y" in form:
        text = text.replace(str(moment.year), f"{moment.year:04}", 1)  # C leaves out zeros in front
    changed = text
    for at, new, instead in changes:
        changed = changed[: at % (len(changed) + 1)] + new + changed[at % (len(changed) + 1) + instead :]
    right, found = strict(changed, form), read_dates(pa.array([changed]), form)
    micros = None if right is None else (right - EPOCH) // (datetime.resolution)
    assert not found.fits[0] or found.micros[0] == micros
    if changed == text and right is not None and right.year >= 1 and strict(text, form) == right:
        assert found.fits[0]


DAY, HOURS = {"dates": ["%d.%m.%Y"]}, {"dates": ["%d.%m.%Y %H:%M:%S"]}
BOTH = {"dates": ["%d/%m/%Y", "%m/%d/%Y"]}


@pytest.mark.parametrize(
    ("kind", "text", "rules", "right"),
    [
        ("time", "29.05.24", DAY, "expected ISO 8601, to the microsecond, such as 2013-01-31T06:00 or %d.%m.%Y"),
        ("time", "29.05.02024", DAY, "expected"),
        ("time", "31.02.2024", DAY, "expected"),
        ("time", "30.02.2023", DAY, "expected"),
        ("time", "2024-02-30", {}, "expected"),
        ("time", "2024-13-01", DAY, "expected"),
        ("time", "0000-01-01", {}, "expected"),
        ("time", "29.05.2024x", DAY, "expected"),
        ("time", "29.05.2024 10:00", DAY, "expected"),
        ("time", "29.05.24", {"dates": ["%d.%m.%Y", "%d.%m.%y"]}, datetime(2024, 5, 29)),
        ("time", " 29.05.2024  ", DAY, datetime(2024, 5, 29)),
        ("time", "1.2.2024", DAY, datetime(2024, 2, 1)),
        ("time", "  2024-05-29 ", {}, date(2024, 5, 29)),
        ("time", "01.01.2024 24:00:00", HOURS, "expected"),
        ("time", "01.01.2024 23:59:60", HOURS, "expected"),
        ("time", "2024-01-01T24:00:00", {}, "expected"),
        ("time", "2016-12-31T23:59:60Z", {}, "expected"),
        ("time", "2024-01-01T00:00:00.1234567", {}, "expected"),
        ("time", "2024-01-01T00:00:00.123456000", {}, datetime(2024, 1, 1, 0, 0, 0, 123456)),
        ("time", "9999-12-31T00:00:00.5", {}, datetime(9999, 12, 31, 0, 0, 0, 500_000)),
        ("time", "2024-01-01T01:00:00+01:00", {}, datetime(2024, 1, 1, tzinfo=UTC)),
        ("time", "1.5", {}, "expected"),
        ("time", "01/02/2024", BOTH, "one reading: %d/%m/%Y reads it as 2024-02-01, %m/%d/%Y as 2024-01-02"),
        ("time", "31/01/2024", BOTH, datetime(2024, 1, 31)),
        ("time", "20240131", {"dates": ["%Y%m%d"]}, datetime(2024, 1, 31)),
        ("time", "2024131", {"dates": ["%Y%m%d"]}, "expected"),
        ("time", "24", {"dates": ["%Y"]}, "expected"),
        ("time", "0x7e8", {"dates": ["%Y"]}, "expected"),
        ("time", "-", {}, None),
        ("number", "NA    ", {}, None),
        ("number", "   -999  ", {"missing": ["", "-999"]}, None),
        ("number", "-999.0", {"missing": ["", "-999"]}, None),
        ("integer", "-999 ", {"missing": ["", "-999"]}, None),
        ("text", " -999 ", {"missing": ["", "-999"]}, None),
        ("text", " a b ", {}, "a b"),
        ("number", "1e5", {}, 1e5),
        ("number", " +1.50\t", {}, 1.5),
        ("number", "-inf", {}, float("-inf")),
        ("number", "1e400", {}, "expected double, a number up to 1.8e308"),
        ("number", "1_000", {}, "expected double"),
        ("number", "0x1F", {}, "expected double"),
        ("number", "1,5", {"separator": ";"}, "expected double"),
        ("number", "1.5", {"separator": ";", "decimal": ","}, "expected double, written such as 1,5"),
        ("number", "1.000,5", {"separator": ";", "decimal": ","}, "expected double"),
        ("number", "1,5", {"separator": ";", "decimal": ","}, 1.5),
        ("number", "\uff11", {}, "expected double"),
        ("integer", "0x1F", {}, "expected int64"),
        ("integer", "1.5", {}, "expected int64"),
        ("integer", "9223372036854775808", {}, 2**63),
        ("integer", "-9223372036854775808", {}, -(2**63)),
        ("integer", "  +7   ", {}, 7),
        ("boolean", "  true  ", {}, True),
        ("boolean", "tru", {}, "expected bool"),
        ("boolean", "1", {}, True),
        ("boolean", "2", {}, "expected bool"),
    ],
)
def test_a_value_is_read_as_it_is_spelt_or_refused(tmp_path, kind, text, rules, right):
    """The value is in the second record, after a missing one, so that the reported line is that of the file."""
    separator = rules.get("separator", ",")
    content = f"v{separator}n\n{separator}1\n{text}{separator}2\n"
    types = {"v": kind}
    if isinstance(right, str) and right.startswith(("expected", "one reading")):
        with pytest.raises(DataError) as refused:
            rows(listed(tmp_path, content, types=types, **rules))
        assert f'a.csv:3: column v is "{text.strip()}", expected ' in str(refused.value)
        assert right in str(refused.value) and refused.value.exit_code == 2
    else:
        assert [row["v"] for row in rows(listed(tmp_path, content, types=types, **rules))] == [None, right]


@pytest.mark.parametrize(
    ("values", "rules", "kind"),
    [
        (["0x1F", "0x20"], {}, "string"),
        (["1", "0x20"], {}, "string"),
        (["1", "NA      ", "3"], {}, "int64"),
        (["1.5", "      ?", "3"], {}, "double"),
        (["1", "1e400"], {}, "string"),
        (["29.05.2024", "30.05.24"], DAY, "string"),
        (["29.05.2024", "31.06.2024"], DAY, "string"),
        (["29.05.2024", "  NA  ", "2024-05-30"], DAY, "timestamp[us]"),
        (["2024-01-01T00:00:00.1234567"], {}, "string"),
        (["0000-01-01"], {}, "string"),
        (["01/02/2024", "31/01/2024"], BOTH, "string"),
        (["20240131", "20240201"], {"dates": ["%Y%m%d"]}, "int64"),
    ],
)
def test_a_column_of_which_nothing_is_known_is_what_all_its_values_are(tmp_path, values, rules, kind):
    table = listed(tmp_path, "v,n\n" + "".join(f"{value},1\n" for value in values), **rules)
    assert table.schema["v"] == kind
    found = [row["v"] for row in rows(table)]
    assert kind != "string" or found == values


def test_the_line_of_a_wrong_value_is_told_far_down_a_file(tmp_path):
    text = "t,x\n" + "29.05.2024,1\n" * 50_000 + "29.05.24,1\n" + "29.05.2024,1\n" * 10
    with pytest.raises(DataError, match=r'a\.csv:50002: column t is "29\.05\.24", expected ISO 8601'):
        listed(tmp_path, text, time="t", **DAY)


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ("%d.%m.%Y", ""),
        ("%Y%m%d", ""),
        ("%s", ""),
        ("%F %T", ""),
        ("100 %% %Y", ""),
        ("%Y-%d-%m", "differently from ISO 8601"),
        ("%d.%m", "expected a format with a year"),
        ("%q %Y", "%q is not known"),
        ("%d.%m.%Y %", "% is not known"),
        ("%d.%d.%Y", "twice"),
        ("%H:%M %p %d.%m.%Y", "both %I and %p"),
        ("%I:%M %d.%m.%Y", "both %I and %p"),
        ("%Y %y", "twice"),
    ],
)
def test_a_format_that_cannot_be_read_to_the_letter_is_refused(form, fault):
    assert fault in format_fault(form) and bool(fault) == bool(format_fault(form))


@pytest.mark.parametrize("fraction", ["", ".25", ".250000", ".5Z", "Z", "+01:00", ".123456"])
def test_times_of_json_lines_are_read_as_those_of_csv(tmp_path, fraction):
    times = [f"2024-01-{day:02}T06:00:00{fraction}" for day in range(1, 29)]
    lines = "".join(json.dumps({"at": time, "x": 1}) + "\n" for time in times)
    found = rows(listed(tmp_path, lines, name="a.jsonl", source=JSONL, time="at"), source=JSONL)
    right = [datetime.fromisoformat(time).replace(tzinfo=datetime.fromisoformat(time).tzinfo or UTC) for time in times]
    assert [row["at"].replace(tzinfo=UTC) for row in found] == right
    if fraction != "":
        other = rows(listed(tmp_path, "at,x\n" + "".join(f"{time},1\n" for time in times), time="at"))
        assert [row["at"].replace(tzinfo=UTC) for row in other] == right


@pytest.mark.parametrize(
    ("value", "formats"), [("01.02.2024", ["%d.%m.%Y"]), ("20240201", ["%Y%m%d"]), (20240201, ["%Y%m%d"])]
)
def test_formats_of_dates_hold_in_json_lines_too(tmp_path, value, formats):
    lines = json.dumps({"at": value}) + "\n" + json.dumps({"at": None}) + "\n"
    table = listed(tmp_path, lines, name="a.jsonl", source=JSONL, time="at", dates=formats)
    assert [row["at"] for row in rows(table, source=JSONL)] == [datetime(2024, 2, 1), None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Infinity", "column v is Infinity, expected double"),
        ("-Infinity", "column v is -Infinity, expected double"),
        ("1e999", "Number too big to be stored in double"),
    ],
)
def test_a_number_of_json_lines_that_is_none_is_told_by_line(tmp_path, text, said):
    with pytest.raises(DataError) as refused:
        listed(tmp_path, f'{{"v": 1}}\n{{"v": {text}}}\n', name="a.jsonl", source=JSONL)
    assert str(refused.value).split("/")[-1].startswith(f"a.jsonl:2: {said}")


@pytest.mark.parametrize("text", ["2024-02-31", "01.02.24", "2024-01-01T24:00:00", "0000-01-01", "yesterday"])
def test_a_time_of_json_lines_that_is_none_is_told_by_line(tmp_path, text):
    lines = '{"at": "2024-01-01"}\n\n' + json.dumps({"at": text}) + "\n"
    with pytest.raises(DataError) as refused:
        listed(tmp_path, lines, name="a.jsonl", source=JSONL, time="at", dates=["%d.%m.%Y"])
    assert str(refused.value).split("/")[-1].startswith(f'a.jsonl:3: column at is "{text}", expected ISO 8601')
    assert "csv" not in refused.value.next_step


@pytest.mark.parametrize(
    ("kind", "value", "right"),
    [
        ("int64", 1.5, "1.5, expected int64"),
        ("int64", 2**63, f"{2**63}, expected int64"),
        ("int64", "7", '"7", expected int64'),
        ("double", "7", '"7", expected double'),
        ("double", 7, ""),
        ("bool", 1, "1, expected bool"),
        ("string", 7, "7, expected string"),
        ("date32[day]", 7, "7, expected ISO"),
        ("date32[day]", "2024-02-01", ""),
        ("timestamp[us]", "2024-02-01T06:00:00.5Z", ""),
        ("timestamp[us]", 1704067200, "1704067200, expected ISO 8601"),
    ],
)
def test_a_value_of_json_lines_of_another_type_is_told_by_line(kind, value, right):
    content = "".join(json.dumps({"v": one}) + "\n" for one in (None, None, value)).encode()
    reading = Reading(rules=Rules(), columns=("v",), types={"v": kind})
    head = Head(columns=("v",), num_bytes=0, num_lines=0)
    if not right:
        assert JSONL.format.decode(content, head, reading, ("v",)).column("v").null_count == 2
        return
    with pytest.raises(Misread) as refused:
        JSONL.format.decode(content, head, reading, ("v",))
    assert refused.value.row == 3 and f"column v is {right}" in refused.value.why


@pytest.mark.parametrize("word", ["0x1F", "0X1f", "-0x1F"])
def test_a_hexadecimal_number_among_words_with_an_x_is_no_number(tmp_path, word):
    assert listed(tmp_path, f"v,t\n10,x\n{word},box\n").schema == {"v": "string", "t": "string"}
    assert listed(tmp_path, "v,t\n100,x\n20,box\n", name="b.csv").schema == {"v": "int64", "t": "string"}
