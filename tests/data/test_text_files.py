"""CSV and JSON Lines: listed in one pass, cut at whole records, read range by range; bad records reported by line."""

import csv
import gzip
import io
import itertools
import json
import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.data.sources.source import ListOrder, order_of
from raytemplate.data.sources.text import scan as scanning
from raytemplate.data.sources.text import source as text_source
from raytemplate.data.sources.text.quotes import end_of_records
from raytemplate.data.sources.text.source import CSV, JSONL
from raytemplate.errors import DataError, IntegrityError
from raytemplate.records.codec import Settings

EVER = {"start": datetime(1, 1, 1, tzinfo=UTC), "end": datetime(9999, 1, 1, tzinfo=UTC)}


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(scanning, "BLOCK_BYTES", 64)


def listed(folder, text="", name="a.csv", source=CSV, time="", types=None, cache=None, **rules):
    if text:
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    order = ListOrder(pattern=name, root=folder, time=time, settings=Settings(rules), types=types or {}, cache=cache)
    return source.list_source(order)


def rows(table, columns=None, source=CSV, time="", **window):
    found = []
    for file in table.files:
        every = order_of(table, file, file.slices, columns or table.schema)
        order = replace(every, time=time, **{**EVER, **window})
        found += source.read_slice(order).table.to_pylist()
    return found


def test_types_missing_values_and_literal_categories(tmp_path):
    text = "n,x,grade,ok\n1,?,NA,true\n2,2.5,A,false\n,NA,,\n"
    table = listed(tmp_path, text)
    assert table.schema == {"n": "int64", "x": "double", "grade": "string", "ok": "bool"}
    assert rows(table) == [
        {"n": 1, "x": None, "grade": "NA", "ok": True},
        {"n": 2, "x": 2.5, "grade": "A", "ok": False},
        {"n": None, "x": None, "grade": None, "ok": None},
    ]
    assert [row["grade"] for row in rows(listed(tmp_path, text, missing=["", "NA"]))] == [None, "A", None]


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        ("a;b\n1,5;x y\n", {"decimal": ","}, {"a": 1.5, "b": "x y"}),
        ("1,x\n", {"header": False}, {"column_1": 1, "column_2": "x"}),
        ("1,x\n", {"header": False, "columns": ["n", "who"]}, {"n": 1, "who": "x"}),
        ("a, b\n1, ?\n", {"missing": ["", "?"]}, {"a": 1, "b": None}),
        ("a\tb\n1\tя\n", {}, {"a": 1, "b": "я"}),
        ("\ufeffa,日付\n1,東京\n", {}, {"a": 1, "日付": "東京"}),
        ('a,b\n1,"x\ny"\n', {}, {"a": 1, "b": "x\ny"}),
        ('a,b\r\n1,5" pipe\r\n', {}, {"a": 1, "b": '5" pipe'}),
        ("a,b\nJA,1\n", {"true_values": ["JA"], "false_values": ["NEIN"]}, {"a": True, "b": 1}),
        ("a\n2013-01-31T06:00:00.5Z\n", {}, {"a": datetime(2013, 1, 31, 6, 0, 0, 500_000, tzinfo=UTC)}),
        ("a\n31.01.2013\n", {"dates": ["%d.%m.%Y"]}, {"a": datetime(2013, 1, 31)}),
    ],
    ids=["commas", "no-head", "names", "blanks", "tabs", "scripts", "newline", "inch", "words", "fraction", "date"],
)
def test_one_record_as_it_is_written(tmp_path, text, rules, expected):
    assert rows(listed(tmp_path, text, **rules)) == [expected]


def test_several_formats_of_dates_in_one_column(tmp_path):
    table = listed(tmp_path, "t,x\n2013-01-02,1\n31.01.2013,2\n", time="t", dates=["%d.%m.%Y"])
    assert (table.time_min, table.time_max) == (datetime(2013, 1, 2, tzinfo=UTC), datetime(2013, 1, 31, tzinfo=UTC))
    late = rows(table, ["x"], time="t", start=datetime(2013, 1, 10, tzinfo=UTC))
    assert late == [{"x": 2}]


def test_a_type_of_the_contract_is_taken(tmp_path):
    table = listed(tmp_path, "zip,n\n01234,1\n", types={"zip": "text", "n": "number"})
    assert (table.schema, rows(table)) == ({"zip": "string", "n": "double"}, [{"zip": "01234", "n": 1.0}])
    with pytest.raises(DataError, match=r'a\.csv:3: column n is "x", expected double$'):
        listed(tmp_path, "n\n1\nx\n", types={"n": "number"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a,b\n1,2\n"x\ny",2\n1,2,3\n', "a.csv:5: 3 fields, expected 2"),
        ("a,b\n1,2\n1,\xe9\n".encode("latin1"), "a.csv:3: not UTF-8 (byte 0xe9)"),
        ('a,b\n1,2\n1,"x\n1,2\n', "a.csv:3: a quote is opened and never closed"),
        ("a,b,a\n1,2,3\n", "a.csv:1: more than one column named a"),
        ("a,b\n", "a.csv: 1 file, but not one row"),
        (b"\n\n", "a.csv: the file is empty"),
    ],
    ids=["fields", "encoding", "quote", "twice", "no-rows", "empty"],
)
def test_a_record_that_cannot_be_read_is_told_by_its_line(tmp_path, text, message):
    with pytest.raises(DataError) as refused:
        listed(tmp_path, text)
    assert message in str(refused.value) and refused.value.exit_code == 2


def test_the_line_is_that_of_the_file_and_not_of_the_range(tmp_path, small_blocks):
    with pytest.raises(DataError, match=r"a\.csv:152: 3 fields, expected 2$"):
        listed(tmp_path, "a,b\n" + "1,2\n" * 150 + "1,2,3\n" + "1,2\n" * 10)


def test_names_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"a\.csv:1: 2 fields, data\.csv\.columns names 3"):
        listed(tmp_path, "1,2\n", header=False, columns=["a", "b", "c"])


def test_a_time_column_of_text_says_what_to_set(tmp_path):
    with pytest.raises(DataError) as refused:
        listed(tmp_path, "t\n31/01/2013\n", time="t")
    assert 'a.csv:2: column t is "31/01/2013", expected ISO 8601' in str(refused.value)
    assert refused.value.next_step.endswith('data.csv.dates: ["%d.%m.%Y"]; for init: --dates')


@pytest.mark.usefixtures("small_blocks")
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(alphabet='ab",;\n\r é', max_size=30), st.integers(0, 99)), min_size=1, max_size=25))
def test_whatever_csv_wrote_comes_back_from_ranges(tmp_path_factory, records):
    scanning.BLOCK_BYTES, before = 64, scanning.BLOCK_BYTES
    folder, written = tmp_path_factory.mktemp("any"), io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "n"), *records])
    try:
        table = listed(folder, written.getvalue(), types={"text": "text"}, separator=",")
        found = [(row["text"] or "", row["n"]) for row in rows(table)]
    finally:
        scanning.BLOCK_BYTES = before
    trimmed = [(text.strip(" \n\r"), n) for text, n in records]
    assert found == trimmed
    assert sum(g.num_bytes for g in table.files[0].slices) == len(written.getvalue().encode()) - 12


@pytest.mark.parametrize("text", ['a,"b\nc', 'a,x"b\nc,"d\n', 'x"y,z\na,b\nc,"d\ne'], ids=["regular", "inch", "both"])
def test_a_cut_is_never_inside_quotes(text):
    block = text.encode()
    end = end_of_records(block, ",", last=False)
    assert text[:end] in ("", 'a,x"b\n', 'x"y,z\na,b\n')


def test_ranges_hold_the_times_of_their_rows(tmp_path, small_blocks):
    days = [f"2013-01-{day:02},{day}" for day in range(1, 32)]
    table = listed(tmp_path, "\n".join(["t,x", *days]), time="t")
    groups = table.files[0].slices
    assert len(groups) > 3 and sum(g.num_rows for g in groups) == 31
    assert [g.time_max < h.time_min for g, h in itertools.pairwise(groups)] == [True] * (len(groups) - 1)
    assert [row["x"] for row in rows(table, ["x"])] == list(range(1, 32))


def test_bytes_that_changed_since_the_plan_are_refused(tmp_path):
    table = listed(tmp_path, "a\n1\n2\n")
    (tmp_path / "a.csv").write_text("a\n1\n3\n")
    with pytest.raises(IntegrityError, match=r"a\.csv: changed since it was planned"):
        rows(table)


def test_a_gzip_file_is_one_range(tmp_path, small_blocks):
    content = "a,b\n" + "".join(f"{n},x\n" for n in range(100))
    table = listed(tmp_path, gzip.compress(content.encode()), name="a.csv.gz")
    assert len(table.files[0].slices) == 1
    assert [row["a"] for row in rows(table)] == list(range(100))
    with pytest.raises(DataError, match=r"b\.csv\.gz: damaged"):
        listed(tmp_path, gzip.compress(content.encode())[:-30], name="b.csv.gz")


def test_files_of_one_source_must_agree(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b.csv").write_text("b,a\n2.5,1\n")
    table = listed(tmp_path, name="*.csv")
    assert table.schema == {"a": "int64", "b": "double"}
    assert rows(table) == [{"a": 1, "b": 2.0}, {"a": 1, "b": 2.5}]
    (tmp_path / "c.csv").write_text("a,c\nx,1\n")
    with pytest.raises(DataError, match=r"c\.csv: .* column b is missing; column c is extra; column a is string"):
        listed(tmp_path, name="*.csv")
    (tmp_path / "c.csv").write_text("a,b\nx,1\n")
    with pytest.raises(DataError, match=r"c\.csv: .* column a is string, not int64") as caught:
        listed(tmp_path, name="*.csv")
    assert caught.value.next_step == 'or say what a is: contract.columns: {"a": {type: text}}'
    assert [row["a"] for row in rows(listed(tmp_path, name="*.csv", types={"a": "text"}))] == ["1", "1", "x"]


def test_what_was_found_is_kept_until_the_file_changes(tmp_path, monkeypatch):
    before = listed(tmp_path, "a\n1\n", cache=tmp_path / "kept")
    monkeypatch.setattr(text_source, "scan", None)
    assert listed(tmp_path, cache=tmp_path / "kept") == before
    monkeypatch.undo()
    assert listed(tmp_path, "a\n1\n22\n", cache=tmp_path / "kept").files[0].num_rows == 2


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_listed_again(tmp_path):
    before = listed(tmp_path, "a\n1\n", cache=tmp_path / "kept")
    there = (tmp_path / "a.csv").stat()
    (tmp_path / "new.csv").write_text("a\n2\n")
    os.utime(tmp_path / "new.csv", ns=(there.st_atime_ns, there.st_mtime_ns))
    (tmp_path / "new.csv").replace(tmp_path / "a.csv")
    now = listed(tmp_path, cache=tmp_path / "kept")
    assert now.files[0].sha256 != before.files[0].sha256 and rows(now) == [{"a": 2}]


def test_json_lines(tmp_path, small_blocks):
    records = [
        {"t": f"2013-01-{n:02}T00:00:00Z", "x": n + 0.5 * (n > 20), **({"who": "é"} if n > 25 else {})}
        for n in range(1, 31)
    ]
    text = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    table = listed(tmp_path, text, name="a.jsonl", source=JSONL, time="t")
    assert table.schema == {"t": "timestamp[us]", "x": "double", "who": "string"}
    assert table.time_max == datetime(2013, 1, 30, tzinfo=UTC)
    assert [row["x"] for row in rows(table, ["x"], JSONL)] == [record["x"] for record in records]
    assert [row["who"] for row in rows(table, ["who"], JSONL)][-6:] == [None, *["é"] * 5]
    with pytest.raises(DataError, match=r"b\.jsonl:3: "):
        listed(tmp_path, '{"a": 1}\n\n{"a": }\n', name="b.jsonl", source=JSONL)


WRONG_LINES = {
    "a value is missing": ('{"a": 1}\n{"a": }\n', "a.jsonl:2: not JSON: expecting value at character 7 of the line"),
    "cut off": ('{"a": 1}\n\n{"a": 2\n', "a.jsonl:3: not JSON: expecting ',' delimiter at character 8 of the line"),
    "a list": ("[1, 2]\n", 'a.jsonl:1: a list, expected an object such as {"column": 1} on each line'),
    "a number": ('{"a": 1}\n7\n', 'a.jsonl:2: a number, expected an object such as {"column": 1} on each line'),
    "null": ("null\n", 'a.jsonl:1: null, expected an object such as {"column": 1} on each line'),
    "null later": ('{"a": 1}\n  null\n', 'a.jsonl:2: null, expected an object such as {"column": 1} on each line'),
    "a name twice": ('{"a": 1, "a": 2}\n', 'a.jsonl:1: "a" occurs twice in an object'),
    "another type": (
        '{"a": null}\n{"a": 1}\n{"a": "x"}\n',
        "a.jsonl:3: column a is text, but a number in the rows before",
    ),
    "an object": ('{"a": 1.5}\n{"a": {"b": 1}}\n', "a.jsonl:2: column a is an object, but a number in the rows before"),
}


@pytest.mark.parametrize(("text", "message"), WRONG_LINES.values(), ids=WRONG_LINES)
def test_a_wrong_line_of_json_is_told_in_plain_words(tmp_path, text, message):
    with pytest.raises(DataError) as told:
        listed(tmp_path, text, name="a.jsonl", source=JSONL)
    assert str(told.value).endswith(message)
