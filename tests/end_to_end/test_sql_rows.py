"""A model that is made from a query, in two months, and used on another; the address of the database is nowhere."""

from __future__ import annotations

import sqlite3

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import environment, raytemplate
from small_flights import AS_OF, MODEL

from raytemplate import api
from raytemplate.errors import SpecError

SQL = {"data.source": "sql", "data.sql": {"url": {"file": "url.txt"}, "query": "select * from flights"}}


@pytest.fixture
def rows(demo) -> pa.Table:
    """Two months of flights; their files are gone."""
    files = sorted((demo / "data" / "flights").iterdir())
    table = pa.concat_tables([pq.read_table(path) for path in files])
    for path in files:
        path.unlink()
    return table


def write_sqlite(rows: pa.Table, folder) -> str:
    index = rows.schema.get_field_index("time_hour")
    rows = rows.set_column(index, "time_hour", rows.column(index).cast(pa.timestamp("s")).cast(pa.string()))
    with sqlite3.connect(folder / "private-name.db") as database:
        database.execute(f"create table flights ({', '.join(rows.column_names)})")
        marks = ", ".join("?" * rows.num_columns)
        database.executemany(f"insert into flights values ({marks})", zip(*rows.to_pydict().values(), strict=True))
    return "sqlite:///private-name.db"


def write_postgres(rows: pa.Table, url: str) -> str:
    import adbc_driver_postgresql.dbapi as adbc

    with adbc.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists flights")
        cursor.adbc_ingest("flights", rows)
        connection.commit()
    return url


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_two_months_of_a_query(one_ray, small, demo, rows, tmp_path, monkeypatch, request, kind):
    url = write_sqlite(rows, demo) if kind == "sqlite" else write_postgres(rows, request.getfixturevalue("postgres"))
    (demo / "url.txt").write_text(url)
    api.check(small(SQL))
    planned = api.plan(small({**SQL, "data.windows.train": "10d"}), "2013-02-01")
    assert "1 ingest     flights by SQL, " in str(planned) and "; the rows are kept" in str(planned)
    first, second = api.run(planned), api.run(api.plan(small(SQL), AS_OF))
    profiled = [api.profile(small(SQL), AS_OF) for _ in range(2)]
    assert {one.window("train").num_rows for one in profiled} == {second.snapshot.window("train").num_rows}
    assert [one.num_kept for one in profiled] == [0, 0]  # a database does not tell whether its rows have changed
    assert first.snapshot.short_name == f"flights@{first.snapshot.digest[:6]}" and second.snapshot.kept
    assert first.snapshot.num_rows < second.snapshot.num_rows
    out = tmp_path / "out.parquet"
    monkeypatch.chdir(demo)
    scored = api.predict(MODEL, "sql:url.txt:select * from flights", out, workspace=str(demo))
    assert (scored.version, scored.num_rows) == (2, rows.num_rows)
    (demo / "url.txt").unlink()  # nobody knows the database any more
    assert api.reproduce(second, workspace=str(demo), quiet=True).record.same_weights
    secret = url.rpartition("/")[2] if kind == "sqlite" else "secret-of-these-tests"
    kept = [path for path in (demo / ".raytemplate").rglob("*") if path.is_file()]
    assert not [path for path in kept if secret.encode() in path.read_bytes()]


def test_mistakes_are_found_before_anything_starts(small, demo, rows):
    (demo / "url.txt").write_text(write_sqlite(rows.slice(0, 99), demo))
    for query, said in (
        ("select 1; select 2", "data.sql.query: holds 2 statements, expected one SELECT"),
        ("delete from flights", "data.sql.query: is a DELETE, expected one SELECT"),
    ):
        with pytest.raises(SpecError, match=said):
            small({**SQL, "data.sql.query": query})
    with pytest.raises(SpecError, match=r"data\.sql\.url: missing"):
        small({"data.source": "sql", "data.sql": {"query": "select 1"}})
    with pytest.raises(SpecError, match=r"data\.sql\.url: expected \{env: NAME\} or \{file: PATH\}: a template does"):
        small({**SQL, "data.sql.url": "sqlite:///private-name.db"})
    with pytest.raises(SpecError, match=r"data\.sql: is only for data\.source: sql"):
        small({"data.sql": SQL["data.sql"]})
    with pytest.raises(SpecError, match=r"data\.sql\.query: no such column: nowhere"):
        api.check(small({**SQL, "data.sql.query": "select nowhere from flights"}))


@pytest.mark.slow
def test_a_draft_is_made_from_a_query(demo, rows):
    url = write_sqlite(rows, demo)
    around = environment(FLIGHTS_URL=url)
    data = ("--data", "sql:FLIGHTS_URL:select * from flights", "--target", "air_time", "--time", "time_hour")
    made = raytemplate("init", ".", *data, cwd=demo, env=around)
    assert made.returncode == 0, made.stderr
    assert "    url: {env: FLIGHTS_URL}  " in (demo / "flights.yaml").read_text()
    checked = raytemplate("check", "flights.yaml", cwd=demo, env=around)
    assert checked.returncode == 0, checked.stderr
    assert raytemplate("check", "flights.yaml", cwd=demo).returncode == 2
