"""Whether the query of a SQL source is one SELECT, and what its rows are called. Importing this takes a tenth of a
second."""

import re
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from raytemplate.data.sources.sql_query import with_bounds

_DIALECTS = ("postgres", "sqlite", "mysql", "tsql", "oracle", "snowflake", "bigquery", "duckdb")
_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Into, exp.Lock, exp.Create, exp.Drop, exp.Command)


def query_fault(query: str) -> str:
    """Why a query cannot be used; "" if it is one SELECT. What no known dialect can parse is left to the database."""
    statements = _parsed(query)
    if not query.strip(" \t\r\n;"):
        return "is empty, expected one SELECT"
    if statements is None:
        first = re.match(r"\s*\(*\s*(\w+)", query)
        word = first[1].upper() if first else ""
        return "" if word in ("SELECT", "WITH", "VALUES") else f'begins with "{word}", expected one SELECT'
    if len(statements) > 1:
        return f"holds {len(statements)} statements, expected one SELECT"
    if not isinstance(statements[0], exp.Query):
        return f"is {_named(statements[0])}, expected one SELECT"
    found = statements[0].find(*_WRITES)
    return f"has {_named(found)} in it, expected a SELECT that only reads" if found is not None else ""


def _named(statement: Any) -> str:
    word = str(statement.this) if isinstance(statement, exp.Command) else statement.key
    shown = {"into": "SELECT INTO", "lock": "FOR UPDATE"}.get(word.lower(), word.upper())
    return f"{'an' if shown[0] in 'AEIOU' else 'a'} {shown}"


def _parsed(query: str) -> list[Any] | None:
    for dialect in _DIALECTS:
        try:
            found = sqlglot.parse(with_bounds(query, lambda _: "NULL"), read=dialect)
        except SqlglotError:
            continue
        return [one for one in found if one is not None]
    return None


def table_of(query: str) -> str:
    """The first table that a query names, which is what people call its rows; "query" if it names none."""
    for statement in _parsed(query) or ():
        names = {one.alias for one in statement.find_all(exp.CTE)}
        for table in statement.find_all(exp.Table, bfs=False):
            if table.name and table.name not in names:
                return table.name
    return "query"
