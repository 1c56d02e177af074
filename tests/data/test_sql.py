"""Rows of a SELECT, from SQLite and from PostgreSQL: described, fetched by window, and errors that name no address."""

import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import postgres_server
import pyarrow as pa
import pytest

from raytemplate.data.sources.reader import list_files, read_parts, read_slices
from raytemplate.data.sources.source import ListOrder, order_of
from raytemplate.data.sources.sql_select import query_fault, table_of
from raytemplate.errors import FieldError, Forbidden, RaytemplateError, Unavailable, UsageError
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.testing.table_source_suite import TableSourceSuite

START = datetime(2013, 1, 1, tzinfo=UTC)
COLUMNS = "n integer, x double precision, word text, t timestamp"


def fill(execute: Callable[[str], object], name: str, num_days: int = 10) -> None:
    """A table with two rows a day; the last row has neither time nor number."""
    execute(f"drop table if exists {name}")
    execute(f"create table {name} ({COLUMNS})")
    for row in range(2 * num_days):
        moment = (START + timedelta(hours=12 * row)).strftime("%Y-%m-%d %H:%M:%S")
        execute(f"insert into {name} values ({row}, {row / 4}, 'it''s: {row}', '{moment}')")
    execute(f"insert into {name} values ({2 * num_days}, NULL, NULL, NULL)")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def shop(request, tmp_path: Path, monkeypatch) -> str:
    """The URL of a database with the table `sales`; it is in the variable SHOP_URL."""
    if request.param == "sqlite":
        url = "sqlite:///shop.db"
        with sqlite3.connect(tmp_path / "shop.db") as database:
            fill(database.execute, "sales")
    else:
        import adbc_driver_postgresql.dbapi as adbc

        url = request.getfixturevalue("postgres")
        with adbc.connect(url) as connection, connection.cursor() as cursor:
            fill(cursor.execute, "sales")
            connection.commit()
    monkeypatch.setenv("SHOP_URL", url)
    return url


class TestSqlite(TableSourceSuite):
    source = "sql"

    @pytest.fixture(autouse=True)
    def _url(self, monkeypatch) -> None:
        monkeypatch.setenv("SHOP_URL", "sqlite:///shop.db")

    def write(self, folder, table):
        with sqlite3.connect(folder / "shop.db") as database:
            database.execute("drop table if exists sales")
            database.execute("create table sales (time, number, count, word)")
            rows = [(row["time"] and str(row["time"]), *list(row.values())[1:]) for row in table.to_pylist()]
            database.executemany("insert into sales values (?, ?, ?, ?)", rows)

    def order(self, folder, time):
        settings = Settings({"url": "secret:env:SHOP_URL", "query": "select * from sales"})
        return ListOrder(pattern="", root=folder, time=time, settings=settings)


@pytest.mark.postgres
class TestPostgres(TestSqlite):
    @pytest.fixture(autouse=True)
    def _url(self, monkeypatch, postgres) -> None:
        monkeypatch.setenv("SHOP_URL", postgres)

    def write(self, folder, table):
        import adbc_driver_postgresql.dbapi as adbc

        with adbc.connect(os.environ["SHOP_URL"]) as connection, connection.cursor() as cursor:
            cursor.execute("drop table if exists sales")
            cursor.adbc_ingest("sales", table)
            connection.commit()


def listed(root: Path, query: str = "select * from sales", time: str = "t", **more):
    settings = Settings({"url": "secret:env:SHOP_URL", "query": query, **more})
    return list_files("auto", ListOrder(pattern="sql", root=root, time=time, settings=settings))


def order(found, *columns: str, **more):
    from dataclasses import replace

    return replace(order_of(found, found.files[0], found.files[0].slices, columns), **more)


def test_a_query_is_described_without_fetching_its_rows(shop: str, tmp_path: Path) -> None:
    found = listed(tmp_path)
    one = found.files[0].slices[0]
    assert (found.kind, found.name, found.files[0].path, one.num_rows) == ("sql", "sales", "sql://sales", 21)
    assert found.schema == {
        "n": "int32" if shop.startswith("p") else "int64",
        "x": "double",
        "word": "string",
        "t": "timestamp[us]",
    }
    assert (one.time_min, one.time_max) == (START, START + timedelta(days=9, hours=12))
    assert one.time_rows == {f"2013-01-{day:02}": 2 for day in range(1, 11)}
    assert codec.decode(type(found), codec.encode(found)) == found
    assert shop not in codec.canonical(found) and "secret:env:SHOP_URL" in codec.canonical(found)


def test_the_rows_of_a_window_are_fetched_with_their_digest(shop: str, tmp_path: Path) -> None:
    found = listed(tmp_path)
    window = {"time": "t", "start": START + timedelta(days=2), "end": START + timedelta(days=3)}
    read = read_slices(order(found, "n", "word", **window))
    assert read.table.to_pydict() == {"n": [4, 5], "word": ["it's: 4", "it's: 5"]}
    assert read.file == read_slices(order(found, "n", "word", **window)).file and read.file.num_without_time == 1
    everything = read_slices(order(found, "n", "x", "t")).table
    assert everything.num_rows == 21 and everything.column("x").to_pylist()[-1] is None
    assert everything.schema.field("t").type == pa.timestamp("us")


def test_a_query_may_use_the_bounds_of_the_windows(shop: str, tmp_path: Path) -> None:
    found = listed(tmp_path, "select n, t from sales where t >= :start and t < :end and '12:30' <> ':end'")
    window = {"time": "t", "start": START + timedelta(days=1), "end": START + timedelta(days=2)}
    assert read_slices(order(found, "n", **window)).table.to_pydict() == {"n": [2, 3]}


@pytest.mark.slow
def test_rows_are_read_in_parts_of_bounded_size(shop: str, tmp_path: Path) -> None:
    query = "select a.n * 21 + b.n as n from sales a, sales b, sales c, sales d order by 1"
    found = listed(tmp_path, query, time="")
    parts = list(read_parts(order(found, "n")))
    assert [part.table.num_rows for part in parts] == [65_536, 65_536, 21**4 - 2 * 65_536]
    assert parts[-1].file.sha256 == read_slices(order(found, "n")).file.sha256 != parts[0].file.sha256


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select nothing from sales", "nothing"),
        ("select * from salse", "salse"),
        ("select n as a, x as a from sales", "more than one column named a"),
        ("select * from sales where n = 99", "sales: not one row"),
    ],
)
def test_a_query_that_the_database_refuses_is_a_problem_of_its_field(shop: str, tmp_path: Path, query, said) -> None:
    with pytest.raises(RaytemplateError) as refused:
        listed(tmp_path, query)
    assert said in str(refused.value) and refused.value.exit_code == 2
    assert "127.0.0.1" not in str(refused.value) and "shop.db" not in str(refused.value)


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("", "is empty, expected one SELECT"),
        ("select 1; select 2", "holds 2 statements, expected one SELECT"),
        ("insert into sales values (1)", "is an INSERT, expected one SELECT"),
        (
            "with d as (delete from sales returning *) select * from d",
            "has a DELETE in it, expected a SELECT that only reads",
        ),
        ("select * into copy from sales", "has a SELECT INTO in it, expected a SELECT that only reads"),
        ("select * from sales for update", "has a FOR UPDATE in it, expected a SELECT that only reads"),
        ("drop table sales", "is a DROP, expected one SELECT"),
        ("vacuum", "is a VACUUM, expected one SELECT"),
        ("select * from sales where t >= :start -- all", ""),
        ("with a as (select 1 as x) select * from a union all select 2;", ""),
    ],
)
def test_only_one_select_is_a_query(query: str, fault: str) -> None:
    assert query_fault(query) == fault


def test_a_query_is_called_after_its_table() -> None:
    assert table_of("with a as (select * from shop.sales) select * from a") == "sales"
    assert table_of("select 1") == "query"


@pytest.mark.postgres
def test_a_database_writes_nothing_whatever_the_query_does(postgres: str, tmp_path: Path, monkeypatch) -> None:
    import adbc_driver_postgresql.dbapi as adbc

    monkeypatch.setenv("SHOP_URL", postgres)
    with adbc.connect(postgres) as connection, connection.cursor() as cursor:
        cursor.execute("create sequence if not exists s")
        connection.commit()
    with pytest.raises(FieldError, match="it would write to the database"):
        read_slices(order(listed(tmp_path, "select nextval('s')::int as n", time=""), "n"))


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("", UsageError, "data.sql.url: the environment variable SHOP_URL is not set; the template refers to it"),
        ("shop.example.org", FieldError, "data.sql.url: what it refers to is not the URL of a database"),
        ("sqlite:///elsewhere.db", FieldError, "data.sql.url: the SQLite file of the URL cannot be opened"),
        (
            "postgresql://me:pass-word@127.0.0.1:1/shop",
            Unavailable,
            "data.sql.url: the database does not answer: Connection refused",
        ),
    ],
)
def test_a_url_that_leads_nowhere_is_told_without_the_url(tmp_path: Path, monkeypatch, url, kind, said) -> None:
    monkeypatch.setenv("SHOP_URL", url)
    with pytest.raises(kind) as refused:
        listed(tmp_path)
    assert str(refused.value).startswith(said)
    assert not any(part in str(refused.value) for part in ("127.0.0.1", "pass-word", "elsewhere", "example"))


@pytest.mark.postgres
def test_a_user_who_may_not_read_is_told_so(postgres: str, tmp_path: Path, monkeypatch) -> None:
    for url in (postgres.replace(postgres_server.PASSWORD, "another-one"), postgres.replace("reader:", "nobody:")):
        monkeypatch.setenv("SHOP_URL", url)
        with pytest.raises(Forbidden) as refused:
            listed(tmp_path)
        assert str(refused.value) == "data.sql.url: the database denies access to the user of the URL"
    monkeypatch.setenv("SHOP_URL", postgres.replace("/postgres", "/nothing"))
    with pytest.raises(FieldError, match="the server has no database of that name"):
        listed(tmp_path)


@pytest.mark.postgres
def test_types_that_arrow_lacks_become_numbers_or_text(postgres: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SHOP_URL", postgres)
    query = (
        "select 3.25::numeric(10,2) as price, '{}'::jsonb as more, 'x'::char(3) as code, now() at time zone 'UTC' as t"
    )
    found = listed(tmp_path, query)
    assert found.schema == {"price": "double", "more": "string", "code": "string", "t": "timestamp[us]"}
    assert read_slices(order(found, "price", "more", "code")).table.to_pylist() == [
        {"price": 3.25, "more": "{}", "code": "x  "}
    ]


NUMERIC = {
    "fractions": (["0.1", "2", None], "double", [0.1, 2.0, None]),
    "small whole numbers": (["7", "9007199254740992"], "double", [7.0, 2.0**53]),
    "account numbers": (
        ["90000000000000000001", "-90000000000000000002", None],
        "decimal128(38, 0)",
        [Decimal(90000000000000000001), Decimal(-90000000000000000002), None],
    ),
    "with a scale": (["9007199254740993.00", "1.00"], "decimal128(38, 0)", [Decimal(2**53 + 1), Decimal(1)]),
    "large beside fractions": (["90000000000000000001", "0.5"], "double", [9e19, 0.5]),
    "beyond 38 digits": (["1" + "0" * 40], "double", [1e40]),
    "not a number": (["NaN", "90000000000000000001"], "double", [None, 9e19]),
    "no value": ([None], "double", [None]),
}


@pytest.mark.postgres
@pytest.mark.parametrize(("values", "kind", "expected"), NUMERIC.values(), ids=NUMERIC)
def test_numbers_of_type_numeric_that_a_float_would_change_keep_their_digits(
    postgres: str, tmp_path: Path, monkeypatch, values, kind, expected
) -> None:
    monkeypatch.setenv("SHOP_URL", postgres)
    rows = ", ".join(f"({'null' if one is None else repr(one)}::numeric)" for one in values)
    found = listed(tmp_path, f'select "A b", now() as t from (values {rows}) as v("A b")')
    assert found.schema["A b"] == kind
    read = read_slices(order(found, "A b")).table.column("A b").to_pylist()
    assert [None if one != one else one for one in read] == expected


def test_times_that_are_text_are_counted_as_they_are_read(tmp_path: Path, monkeypatch) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("create table sales (n, t)")
        texts = ("13/02/2013", "01/03/2013", " 1/3/2013 ", "", "none", None, "2013-03-02T06:00:00")
        database.executemany("insert into sales values (?, ?)", enumerate(texts))
    monkeypatch.setenv("SHOP_URL", "sqlite:///shop.db")
    found = listed(tmp_path, dates=["%d/%m/%Y"], missing=["", "none"])
    (one,) = found.files[0].slices
    assert (one.num_rows, one.time_rows) == (7, {"2013-02-13": 1, "2013-03-01": 2, "2013-03-02": 1})
    assert (one.time_min, one.time_max) == (datetime(2013, 2, 13, tzinfo=UTC), datetime(2013, 3, 2, 6, tzinfo=UTC))
    march = {"time": "t", "start": datetime(2013, 3, 1, tzinfo=UTC), "end": datetime(2013, 4, 1, tzinfo=UTC)}
    read = read_slices(order(found, "n", **march))
    assert read.table.to_pydict() == {"n": [1, 2, 6]} and read.file.num_without_time == 3


def test_a_column_of_sqlite_with_several_types_is_text_and_whole_numbers_with_fractions_are_numbers(
    tmp_path, monkeypatch
) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("create table sales (a, b)")
        database.executemany("insert into sales values (?, ?)", [(1, 1), ("x", 2.5), (None, None)])
    monkeypatch.setenv("SHOP_URL", "sqlite:///shop.db")
    found = listed(tmp_path, time="")
    assert found.schema == {"a": "string", "b": "double"}
    assert read_slices(order(found, "a", "b")).table.to_pydict() == {"a": ["1", "x", None], "b": [1.0, 2.5, None]}
