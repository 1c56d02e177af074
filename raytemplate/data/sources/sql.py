"""The rows of one SELECT: described when a run is planned, fetched in one read-only transaction when it reads.

There are no files: the query is one slice, and what is fetched is hashed. A run keeps the rows (`data.keep`), since the
same query may give others tomorrow.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from raytemplate.data.sources.agreement import check_time
from raytemplate.data.sources.arrow_types import arrow_type
from raytemplate.data.sources.as_read import as_read
from raytemplate.data.sources.databases import EVER, Bounds, Column, Database, open_database
from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.data.sources.source import ListOrder, ReadResult, SliceOrder
from raytemplate.data.sources.sql_errors import QUERY
from raytemplate.data.sources.sql_query import selected
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.times import between, rows_by_day, time_range
from raytemplate.errors import DataError, FieldError
from raytemplate.plugins import suggest
from raytemplate.records.codec import Settings, canonical
from raytemplate.records.ingested import FileRead
from raytemplate.secret import found_from, reference

_PART_ROWS = 65_536
_BYTES_A_VALUE = 8
"""Bytes of a value, for estimates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The database and the query. Plans hold it as the source's `reading`."""

    url: str
    """Reference to the URL."""

    query: str
    """The SELECT."""

    types: Mapping[str, str]
    """Column -> its Arrow type as text."""

    expressions: Mapping[str, str]
    """Column -> what is selected for it."""

    as_times: tuple[str, ...] = ()
    """Columns of text that hold times."""

    num_timeless: int = 0
    """Rows without a time when the query was planned."""


class SqlSource:
    """The source `sql`: `data.sql` in a template, `sql:VARIABLE:QUERY` on a command line."""

    kind = "sql"
    endings: tuple[str, ...] = ()

    @staticmethod
    def list_source(order: ListOrder) -> SourceTable:
        """See `Source`.

        Raises:
            FieldError: the query is not one SELECT, or the database does not understand it.
            Unavailable, Forbidden: the database cannot be reached, or denies access.
        """
        from raytemplate.data.sources.sql_select import query_fault, table_of  # sqlglot, for this source only

        url, query = _asked_in(order)
        if fault := query_fault(query):
            raise FieldError(QUERY, fault)
        database = open_database(url, order.root)
        columns = database.columns(query, part=order.most_bytes is not None)
        rules = order.settings.to(Rules)
        as_times = tuple(n for n, kind in order.types.items() if kind == "time" and _is_text(columns, n))
        as_times += (order.time,) if _is_text(columns, order.time) and order.time not in as_times else ()
        types = {name: "timestamp[us]" if name in as_times else column.type for name, column in columns.items()}
        name = table_of(query)
        if order.time:
            _check_time(name, types, order.time)
        asked = Asked(
            url=url,
            query=query,
            types=types,
            expressions={name: column.expression for name, column in columns.items()},
            as_times=as_times,
        )
        if order.most_bytes is None:
            if order.time in as_times:
                one, timeless = _counted_as_read(database, asked, rules, order, name)
            else:
                one, timeless = _counted(database, asked, order.time, name)
            asked = replace(asked, num_timeless=timeless)
        else:
            one = Slice(number=0, num_rows=1)
        fingerprint = canonical([query, types, one.num_rows, one.time_min, one.time_max, dict(one.time_rows)])
        file = SourceFile(
            path=f"sql://{name}",
            size_bytes=0,
            sha256=hashlib.sha256(fingerprint.encode()).hexdigest(),
            slices=(one,),
            is_whole=all(column.is_sure for column in columns.values()),
        )
        return SourceTable(
            kind=SqlSource.kind,
            root=str(order.root),
            files=(file,),
            schema=types,
            reading=Settings({"asked": Settings.of(asked), "rules": Settings.of(rules)}),
            location=Settings({"folder": str(order.root)}),
            name=name,
        )

    @staticmethod
    def read_slice(order: SliceOrder) -> ReadResult:
        """See `Source`. All rows at once; `read_parts` needs less memory."""
        parts = list(SqlSource.read_parts(order))
        return ReadResult(table=pa.concat_tables([part.table for part in parts]), file=parts[-1].file)

    @staticmethod
    def read_parts(order: SliceOrder) -> Iterator[ReadResult]:
        """The rows, 65,536 at a time, each with the record of what was read up to then."""
        asked = Settings(order.reading["asked"]).to(Asked)
        rules = Settings(order.reading["rules"]).to(Rules)
        wanted = tuple(dict.fromkeys((*order.columns, order.time) if order.time else order.columns))
        for name in wanted:
            if name not in asked.types:
                raise DataError(f"{order.path}: no column {name}; {suggest(name, tuple(asked.types))}")
        database = open_database(asked.url, Path(order.location["folder"]))
        bounds = _bounds(order)
        timed = order.time and order.time not in asked.as_times
        where = database.within(asked.expressions[order.time]) if timed else ""
        statement = selected(asked.query, [asked.expressions[name] for name in wanted], where)
        stored = {name: "string" if name in asked.as_times else asked.types[name] for name in wanted}
        digest, num_bytes = hashlib.sha256(), 0
        for table in _in_parts(database.batches(statement, stored, bounds), _without_rows(stored)):
            for batch in table.to_batches():
                content: Any = batch.serialize()
                digest.update(content)
                num_bytes += content.size
            found: Any = _with_times(table, asked, rules, order.masked)
            if order.time:
                found = found.filter(between(found.column(order.time), *bounds))
            file = FileRead(
                path=order.path,
                size_bytes=0,
                row_groups=order.slices,
                bytes_read=num_bytes,
                sha256=digest.hexdigest(),
                num_without_time=asked.num_timeless if order.time else 0,
            )
            yield ReadResult(table=found.select(list(order.columns)), file=file)


def _asked_in(order: ListOrder) -> tuple[str, str]:
    """The reference to the URL and the query: of the template, or of a place such as `SHOP_URL:select * from sales`."""
    if not order.pattern:
        return order.settings.get("url", ""), order.settings.get("query", "")
    where, _, query = order.pattern.partition(":")
    if not where or not query.strip():
        raise DataError(
            'sql: expected sql:VARIABLE:QUERY, such as "sql:SHOP_URL:select * from sales", with the URL of the '
            "database in that environment variable; or sql:FILE:QUERY, with the URL in that file"
        )
    return found_from(reference("env" if where.isidentifier() else "file", where), order.root), query


def _is_text(columns: Mapping[str, Column], name: str) -> bool:
    return name in columns and columns[name].type == "string"


def _check_time(name: str, types: Mapping[str, str], time: str) -> None:
    kinds = {"timestamp[us]": pa.timestamp("us"), "date32[day]": pa.date32()}
    schema = pa.schema(
        [
            (n, kinds.get(t, pa.timestamp("us", "UTC") if t.startswith("timestamp") else pa.null()))
            for n, t in types.items()
        ]
    )
    check_time(name, schema, time)


def _counted(database: Database, asked: Asked, time: str, name: str) -> tuple[Slice, int]:
    """Rows in all and by day, the oldest and the newest time, and the number of rows without one."""
    if not time:
        ((num_rows,),) = database.rows(selected(asked.query, ("count(*)",)), EVER)
        return _slice(asked, num_rows, name), 0
    column = asked.expressions[time]
    days = f"{selected(asked.query, (database.day(column), 'count(*)', f'min({column})', f'max({column})'))} GROUP BY 1"
    rows = database.rows(days, EVER)
    timeless = sum(count for day, count, _, _ in rows if day is None)
    low = min((_moment(one[2]) for one in rows if one[0] is not None), default=None)
    high = max((_moment(one[3]) for one in rows if one[0] is not None), default=None)
    by_day = {str(day): count for day, count, _, _ in rows if day is not None}
    return replace(
        _slice(asked, sum(one[1] for one in rows), name), time_min=low, time_max=high, time_rows=by_day
    ), timeless


def _counted_as_read(database: Database, asked: Asked, rules: Rules, order: ListOrder, name: str) -> tuple[Slice, int]:
    """The same for times that are text. A database would read 1/2/2013 by its own rules, or not at all: the column is
    fetched, and read as the rows will be."""
    num_rows, by_day, ends = 0, Counter[str](), list[datetime]()
    stored = {order.time: "string"}
    batches = database.batches(selected(asked.query, [asked.expressions[order.time]]), stored, EVER)
    for texts in _in_parts(batches, _without_rows(stored)):
        times = _with_times(texts, asked, rules, order.masked).column(order.time)
        num_rows += len(times)
        by_day.update(rows_by_day(times))
        ends += [moment for moment in time_range(times) if moment is not None]
    one = _slice(asked, num_rows, name)
    timed = replace(one, time_min=min(ends, default=None), time_max=max(ends, default=None), time_rows=by_day)
    return timed, num_rows - by_day.total()


def _slice(asked: Asked, num_rows: int, name: str) -> Slice:
    if not num_rows:
        raise DataError(f"{name}: not one row")
    return Slice(number=0, num_rows=num_rows, column_bytes=dict.fromkeys(asked.types, _BYTES_A_VALUE * num_rows))


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise DataError(f"data.time: the database gives a {type(value).__name__} for a time; cast it in the query")


def _bounds(order: SliceOrder) -> Bounds:
    start, end = (one.replace(tzinfo=UTC) if one.tzinfo is None else one for one in (order.start, order.end))
    return start, end


def _in_parts(batches: Iterator[pa.Table], held: Any) -> Iterator[pa.Table]:
    """The same rows in tables of 65,536 rows, so that digests do not depend on how a driver cuts them; at least one."""
    columns = held.column_names
    for batch in batches:
        held = pa.concat_tables([held, batch.select(columns)]) if held.num_rows else batch.select(columns)
        while held.num_rows > _PART_ROWS:
            yield held.slice(0, _PART_ROWS).combine_chunks()
            held = held.slice(_PART_ROWS)
    yield held.combine_chunks()


def _without_rows(types: Mapping[str, str]) -> Any:
    return pa.schema([(name, arrow_type(kind)) for name, kind in types.items()]).empty_table()


def _with_times(table: Any, asked: Asked, rules: Rules, masked: Collection[str]) -> Any:
    times = {name: "time" for name in asked.as_times if name in table.column_names}
    return as_read(table, rules, times, masked) if times else table
