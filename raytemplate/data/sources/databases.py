"""Databases as a SQL source sees them: read-only, streamed, and with errors that never show where they are.

PostgreSQL is read by ADBC, which copies rows straight into Arrow; every other database by SQLAlchemy and its driver.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import pyarrow as pa

from raytemplate.data.sources.sql_errors import QUERY, URL, of_alchemy, of_postgres
from raytemplate.data.sources.sql_query import literal, selected, with_bounds
from raytemplate.data.sources.text.rules import EXACT, TYPES
from raytemplate.data.split import EXACT_BELOW
from raytemplate.errors import FieldError, UsageError
from raytemplate.secret import resolve

_ROWS = 65_536
EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
"""Bounds that leave no row out."""
_CONNECT_S = "10"
_SAMPLE_ROWS = 1_000
_INSTALL = "pip install 'raytemplate[sql]'"
Bounds = tuple[datetime, datetime]
"""First moment of the windows, and the one after them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a query."""

    type: str
    """Its Arrow type as text."""

    expression: str
    """What is selected for it."""

    is_sure: bool = True
    """Whether all rows have the type; otherwise only the first were looked at."""


class Database(Protocol):
    """One database, opened anew for each call."""

    def columns(self, query: str, *, part: bool) -> Mapping[str, Column]:
        """The columns of a query.

        Args:
            part: whether looking at the first rows is enough.

        Raises:
            FieldError: the query cannot be run.
            Unavailable, Forbidden: the database cannot be reached, or denies access.
        """
        ...

    def rows(self, statement: str, bounds: Bounds) -> list[Sequence[Any]]:
        """The rows of a statement that gives few. Raises as `columns`."""
        ...

    def batches(self, statement: str, types: Mapping[str, str], bounds: Bounds) -> Iterator[pa.Table]:
        """The rows of a statement, some thousands at a time, in one read-only transaction. Raises as `columns`."""
        ...

    def day(self, expression: str) -> str:
        """SQL for the day, in UTC, of a time."""
        ...

    def within(self, expression: str) -> str:
        """SQL that is true for the rows of `:start` to `:end`; "" if the database cannot compare such times."""
        ...


def open_database(reference: str, folder: Path) -> Database:
    """The database whose URL a reference names.

    Args:
        folder: folder to which the path of an SQLite file is relative.

    Raises:
        UsageError: there is no such URL on this machine, or a package is missing.
        FieldError: it is not the URL of a database.
    """
    url = resolve(reference, URL, os.environ)
    try:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError:
        raise UsageError("data.source: sql needs SQLAlchemy, not installed here", next_step=_INSTALL) from None
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        raise FieldError(
            URL, "what it refers to is not the URL of a database, such as postgresql://USER:PASSWORD@HOST/NAME"
        ) from None
    if found.get_backend_name() in ("postgresql", "postgres"):
        return _PostgreSQL(found)
    return _Other(found, folder)


class _PostgreSQL:
    """PostgreSQL by ADBC: rows come by COPY in binary form."""

    def __init__(self, url: Any) -> None:
        timeout = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_S}
        self._uri = url.set(drivername="postgresql").update_query_dict(timeout).render_as_string(hide_password=False)

    @contextmanager
    def _cursor(self) -> Generator[Any]:
        try:
            import adbc_driver_manager as manager
            from adbc_driver_postgresql import dbapi
        except ImportError:
            raise UsageError(
                "data.source: sql needs adbc-driver-postgresql, not installed here", next_step=_INSTALL
            ) from None
        try:
            with dbapi.connect(self._uri) as connection, connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute("SET LOCAL TIME ZONE 'UTC'")
                cursor.execute("SET LOCAL synchronize_seqscans = off")  # rows in the same order each time
                yield cursor
                connection.rollback()
        except (manager.Error, pa.ArrowException) as error:
            raise of_postgres(error) from None

    def columns(self, query: str, *, part: bool) -> Mapping[str, Column]:
        statement = with_bounds(query.strip().rstrip(";"), lambda _: "CAST(NULL AS timestamptz)")
        with self._cursor() as cursor:
            schema = cursor.adbc_execute_schema(statement)
        _refuse_twice(schema.names)
        numeric = [field.name for field in schema if _is_numeric(field)]
        looked_at = f"{selected(query, ('*',))} LIMIT {_SAMPLE_ROWS}" if part else query
        exact = self._exact(looked_at, numeric) if numeric else frozenset[str]()
        return {field.name: _postgres_column(field, exact) for field in schema}

    def _exact(self, query: str, names: Sequence[str]) -> frozenset[str]:
        """Those of the columns of type numeric that hold whole numbers only, one of which a float would change."""
        rule = "coalesce(bool_and({q} = trunc({q})) AND max(abs({q})) > {least:.0f} AND max(abs({q})) < 1e38, false)"
        tests = [rule.format(q=_quoted(name), least=EXACT_BELOW) for name in names]
        ((*found,),) = self.rows(selected(query, tests), EVER)
        return frozenset(name for name, is_exact in zip(names, found, strict=True) if is_exact)

    def rows(self, statement: str, bounds: Bounds) -> list[Sequence[Any]]:
        with self._cursor() as cursor:
            cursor.execute(self._bound(statement, bounds))
            return cursor.fetchall()

    def batches(self, statement: str, types: Mapping[str, str], bounds: Bounds) -> Iterator[pa.Table]:
        with self._cursor() as cursor:
            cursor.execute(self._bound(statement, bounds))
            for batch in cursor.fetch_record_batch():
                table: Any = pa.Table.from_batches([batch])
                for index, name in enumerate(table.column_names):
                    if types[name] == EXACT:
                        table = table.set_column(index, name, table.column(index).cast(TYPES[EXACT]))
                yield table

    @staticmethod
    def _bound(statement: str, bounds: Bounds) -> str:
        # COPY takes no parameters; these are moments that we write ourselves.
        start, end = map(literal, bounds)
        return with_bounds(statement, lambda name: f"CAST({start if name == 'start' else end} AS timestamptz)")

    def day(self, expression: str) -> str:
        return f"CAST({expression} AS date)"

    def within(self, expression: str) -> str:
        return f"{expression} >= :start AND {expression} < :end"


def _refuse_twice(names: Sequence[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise FieldError(QUERY, f"gives more than one column named {', '.join(twice)}; name them with AS")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_numeric(field: Any) -> bool:
    return getattr(field.type, "type_name", "") == "numeric"


def _postgres_column(field: Any, exact: Collection[str]) -> Column:
    """A column as it is, but types that Arrow lacks, such as uuid and json, as text, and numeric as float64.

    Args:
        exact: columns of type numeric that are read as whole numbers of up to 38 digits instead.
    """
    name = _quoted(field.name)
    if field.name in exact:
        return Column(type=EXACT, expression=f"CAST(trunc({name}) AS text) AS {name}")
    if not isinstance(field.type, pa.BaseExtensionType):
        return Column(type=str(field.type), expression=name)
    if _is_numeric(field):
        return Column(type="double", expression=f"CAST({name} AS double precision) AS {name}")
    return Column(type="string", expression=f"CAST({name} AS text) AS {name}")


class _Other:
    """Any database that SQLAlchemy has a driver for."""

    def __init__(self, url: Any, folder: Path) -> None:
        import sqlalchemy
        from sqlalchemy.pool import NullPool

        self._alchemy: Any = sqlalchemy
        self._is_sqlite = url.get_backend_name() == "sqlite"
        more = {"creator": _opener(url, folder)} if self._is_sqlite else {}
        try:
            self._engine: Any = sqlalchemy.create_engine(url, poolclass=NullPool, **more)
        except ImportError as error:
            what = f"data.source: sql needs {error.name} for this database, not installed here"
            raise UsageError(what, next_step=f"pip install {error.name}") from None
        except self._alchemy.exc.ArgumentError:
            raise FieldError(URL, "SQLAlchemy knows no such kind of database") from None

    @contextmanager
    def _result(self, statement: str, bounds: Bounds) -> Generator[Any]:
        text: Any = self._alchemy.text(_escaped(statement))
        values = {name: self._value(moment) for name, moment in zip(("start", "end"), bounds, strict=True)}
        used = {name: values[name] for name in text.compile().params}
        try:
            with self._engine.connect() as connection:
                if self._is_sqlite:
                    connection.exec_driver_sql("PRAGMA query_only = ON")
                yield connection.execution_options(stream_results=True, max_row_buffer=_ROWS).execute(text, used)
                connection.rollback()
        except self._alchemy.exc.SQLAlchemyError as error:
            raise of_alchemy(error) from None

    def _value(self, moment: datetime) -> Any:
        naive = moment.replace(tzinfo=None)
        return naive.isoformat(" ") if self._is_sqlite else naive  # SQLite compares times as text

    def _quoted(self, name: str) -> str:
        return self._engine.dialect.identifier_preparer.quote_identifier(name)

    def columns(self, query: str, *, part: bool) -> Mapping[str, Column]:
        limit = "" if self._is_sqlite and not part else f" LIMIT {_SAMPLE_ROWS}"
        rows = selected(query, ("*",)) + limit
        # SQLite gives columns of one name in an inner query other names.
        with self._result(query.strip().rstrip(";") if self._is_sqlite else rows, EVER) as result:
            names = list(result.keys())
            found = [] if self._is_sqlite else result.fetchmany(_SAMPLE_ROWS)
        _refuse_twice(names)
        if self._is_sqlite:
            # A column of SQLite may hold values of any type in any row.
            kinds = [f"group_concat(DISTINCT typeof({self._quoted(name)}))" for name in names]
            told = [set(str(text or "").split(",")) for text in self.rows(selected(rows, kinds), EVER)[0]]
        else:
            told = [{type(value).__name__ for value in values} for values in zip(*found, strict=True)] or [
                set[str]() for _ in names
            ]
        sure = self._is_sqlite and not part
        return {
            name: Column(type=_type_of(kinds), expression=self._quoted(name), is_sure=sure)
            for name, kinds in zip(names, told, strict=True)
        }

    def rows(self, statement: str, bounds: Bounds) -> list[Sequence[Any]]:
        with self._result(statement, bounds) as result:
            return [tuple(row) for row in result]

    def batches(self, statement: str, types: Mapping[str, str], bounds: Bounds) -> Iterator[pa.Table]:
        with self._result(statement, bounds) as result:
            for rows in result.partitions(_ROWS):
                columns = zip(types.items(), zip(*rows, strict=True), strict=True)
                yield pa.table({name: _array(name, kind, values) for (name, kind), values in columns})

    def day(self, expression: str) -> str:
        return f"date({expression})"

    def within(self, expression: str) -> str:
        return "" if self._is_sqlite else f"{expression} >= :start AND {expression} < :end"


def _escaped(statement: str) -> str:
    """A statement for SQLAlchemy, in which only `:start` and `:end` are parameters."""
    marked = with_bounds(statement, lambda name: f"\0{name}\0")
    return re.sub("\0(\\w+)\0", r":\1", marked.replace(":", "\\:"))


def _opener(url: Any, folder: Path) -> Callable[[], sqlite3.Connection]:
    path = quote(str(folder / (url.database or "")))
    return lambda: sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)


_WORDS = {
    "integer": "int64", "int": "int64", "real": "double", "float": "double", "Decimal": "double", "text": "string",
    "str": "string", "UUID": "string", "blob": "binary", "bytes": "binary", "bool": "bool", "date": "date32[day]",
    "datetime": "timestamp[us]",
}  # fmt: skip


def _type_of(kinds: set[str]) -> str:
    """The Arrow type for values of these types of SQLite or Python."""
    types = {_WORDS.get(kind, "string") for kind in kinds - {"null", "NoneType", ""}}
    if types == {"int64", "double"}:
        return "double"
    return types.pop() if len(types) == 1 else "string"


def _array(name: str, kind: str, values: Sequence[Any]) -> Any:
    try:
        if kind == "string":
            return pa.array([None if one is None else str(one) for one in values], pa.string())
        if kind == "double":
            if any(isinstance(one, Decimal) and one == one.to_integral_value() != int(float(one)) for one in values):
                raise FieldError(QUERY, f"column {name} has whole numbers that a float would change; cast it to text")
            return pa.array([None if one is None else float(one) for one in values], pa.float64())
        return pa.array(values, pa.type_for_alias(kind))
    except (pa.ArrowException, TypeError, ValueError):
        what = f"column {name} is {kind} in the first rows and something else in a later one"
        raise FieldError(QUERY, f"{what}; cast it in the query") from None
