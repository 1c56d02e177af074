"""One entry point for all sources: the format by ending, and columns from folder names."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raytemplate.data.sources.reader import list_files, read_slices
from raytemplate.data.sources.source import ListOrder, order_of
from raytemplate.errors import DataError

START, END = datetime(2013, 1, 2, tzinfo=UTC), datetime(2013, 1, 4, tzinfo=UTC)


def listed(root, pattern=".", **more):
    return list_files("auto", ListOrder(pattern=pattern, root=root, **more))


def rows(table, columns, **more):
    return [row for result in results(table, columns, **more) for row in result.table.to_pylist()]


def results(table, columns, **more):
    wanted = {"start": START, "end": END, **more}
    return [read_slices(replace(order_of(table, one, one.slices, columns), **wanted)) for one in table.files]


def write(folder, name, value):
    folder.mkdir(parents=True, exist_ok=True)
    if name.endswith(".parquet"):
        pq.write_table(pa.table({"x": [value]}), folder / name)
    elif name.endswith(".csv"):
        (folder / name).write_text(f"x\n{value}\n")
    else:
        (folder / name).write_text(f'{{"x": {value}}}\n')


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl"])
def test_folders_give_columns_in_every_format(tmp_path, name):
    for year, month in ((2012, "12"), (2013, "01")):
        write(tmp_path / f"year={year}" / f"month={month}" / "place=a%2Fb", name, year)
    table = listed(tmp_path)
    assert table.schema == {"x": "int64", "year": "int64", "month": "int64", "place": "string"}
    assert rows(table, ("month", "x", "place")) == [
        {"month": 12, "x": 2012, "place": "a/b"},
        {"month": 1, "x": 2013, "place": "a/b"},
    ]
    assert listed(tmp_path, types={"month": "text"}).schema["month"] == "string"


@pytest.mark.parametrize(
    ("folders", "kind"),
    [
        (("7", "-8"), "int64"),
        (("2013-01-31", "2013-02-01"), "date32[day]"),
        (("2013-W05", "2013-W06"), "string"),
        (("20130131", "2013-02-01"), "string"),
        (("\u0663", "4"), "string"),
        (("1_0", "4"), "string"),
    ],
    ids=["numbers", "days", "weeks", "two ways", "digits of Arabic", "blanks"],
)
def test_a_folder_is_a_number_or_a_day_only_if_it_is_written_so(tmp_path, folders, kind):
    for value in folders:
        write(tmp_path / f"s={value}", "a.csv", 1)
    table = listed(tmp_path)
    assert table.schema["s"] == kind
    assert {str(row["s"]) for row in rows(table, ("s",))} == set(folders)


@pytest.mark.parametrize(
    "text",
    [
        "x,y\r1,2\r3,4\r",
        "x,y\r1,2\r3,4\r\n",
        "x,y\r1,2\r3,4\n",
        'x,y\r1,"a\nb"\r3,4',
        "x,y\r1,2\n3,4\n",
        "\r\rx,y\r1,2\r\n",
    ],
)
def test_lines_of_old_macs_are_told_as_what_they_are(tmp_path, text):
    (tmp_path / "a.csv").write_bytes(text.encode())
    with pytest.raises(DataError, match=r"a\.csv: its lines end in bare carriage returns \(CR\), .*; tr '\\r' '\\n' <"):
        listed(tmp_path)


@pytest.mark.parametrize(
    "text", ["x,y\r\r\n1,2\r\r\n3,4\r\r\n", "x,y\r\n1,2\r\n3,4", 'x,"y"\n1,2\r\n3,4\n', "\r\nx,y\r\n1,2\r\n3,4\r\n"]
)
def test_other_ends_of_lines_are_read(tmp_path, text):
    (tmp_path / "a.csv").write_bytes(text.encode())
    assert rows(listed(tmp_path), ("x", "y")) == [{"x": 1, "y": 2}, {"x": 3, "y": 4}]


def test_a_carriage_return_in_the_name_of_a_column_costs_no_row(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'x,"y\rz"\n1,2\n3,4\n')
    assert rows(listed(tmp_path), ("x",)) == [{"x": 1}, {"x": 3}]


@pytest.mark.parametrize("first", ["sep=;\r\n", "SEP=;\n", '"sep=;"\n', "\ufeffsep=;\n", "sep=,\n", "sep=\t\n"])
@pytest.mark.parametrize("columns", ["x;y", "x;y;z;w"])
def test_a_first_line_for_excel_is_told_as_what_it_is(tmp_path, first, columns):
    row = ";".join("1" for _ in columns.split(";"))
    (tmp_path / "a.csv").write_text(f"{first}{columns}\n{row}\n", newline="")
    with pytest.raises(DataError, match=r'a\.csv:1: begins with "sep=".* remove that line \(tail -n \+2 OLD > NEW\)$'):
        listed(tmp_path)


@pytest.mark.parametrize("before", ["\n", "\n\r\n", "\ufeff\n"])
def test_blank_lines_before_the_names_of_columns_do_not_count(tmp_path, before):
    (tmp_path / "a.csv").write_text(f"{before}x;y\n1;2\n\n3;4\n", newline="")
    assert rows(listed(tmp_path), ("x", "y")) == [{"x": 1, "y": 2}, {"x": 3, "y": 4}]


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl"])
def test_rows_without_a_time_are_in_no_window_and_are_counted(tmp_path, name):
    times = ["2013-01-02T10:00:00Z", None, "2013-01-09T10:00:00Z", None, "2013-01-03T10:00:00Z"]
    if name.endswith(".parquet"):
        moments = pa.array([t and datetime.fromisoformat(t) for t in times], pa.timestamp("us", "UTC"))
        pq.write_table(pa.table({"at": moments, "x": range(5)}), tmp_path / name)
    elif name.endswith(".csv"):
        (tmp_path / name).write_text("at,x\n" + "".join(f"{t or ''},{x}\n" for x, t in enumerate(times)))
    else:
        lines = (json.dumps({"at": t, "x": x}) for x, t in enumerate(times))
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
    [result] = results(listed(tmp_path, time="at"), ("x",), time="at")
    assert result.table.to_pylist() == [{"x": 0}, {"x": 4}]
    assert result.file.num_without_time == 2


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_a_folder_may_give_the_time(tmp_path, name):
    for day in range(1, 6):
        write(tmp_path / f"day=2013-01-0{day}", name, day)
    table = listed(tmp_path, time="day")
    assert (table.time_min, table.time_max) == tuple(datetime(2013, 1, day, tzinfo=UTC) for day in (1, 5))
    assert rows(table, ("x", "day"), time="day") == [{"x": n, "day": date(2013, 1, n)} for n in (2, 3)]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("a.csv", "b.jsonl"), "files of several formats: csv, jsonl"),
        (("year=1/a.csv", "b.csv"), "its path has the partitions year; that of b.csv has none"),
        (("x=1/a.csv",), "x is a column of the file and a part of its path"),
        (("s=1/s=2/a.csv",), "s=1/s=2/a.csv: its path has the same partition twice"),
    ],
    ids=["formats", "partitions", "twice", "a folder in its like"],
)
def test_files_that_do_not_go_together_are_refused(tmp_path, files, message):
    for file in files:
        write((tmp_path / file).parent, (tmp_path / file).name, 1)
    with pytest.raises(DataError) as refused:
        listed(tmp_path)
    assert message in str(refused.value)


def test_an_ending_that_is_no_format_asks_for_it(tmp_path):
    (tmp_path / "a.dat").write_text("x\n1\n")
    with pytest.raises(DataError, match=r"a\.dat: its ending belongs to no format") as refused:
        listed(tmp_path, "a.dat")
    assert refused.value.next_step == "set data.format: parquet, csv, jsonl"
    assert list_files("csv", ListOrder(pattern="a.dat", root=tmp_path)).schema == {"x": "int64"}
