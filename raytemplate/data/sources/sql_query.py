"""The query of a SQL source: that it is one SELECT, and the statements that are made around it."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

FIELD = "data.sql.query"
_DIALECTS = ("postgres", "sqlite", "mysql", "tsql", "oracle", "snowflake", "bigquery", "duckdb")
_BOUND = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(?<![:\w]):(start|end)\b""", re.DOTALL)
"""Texts, quoted names and comments, which stay as they are, or a bound."""
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


def with_bounds(statement: str, value: Callable[[str], str]) -> str:
    """A statement with `:start` and `:end` replaced.

    Args:
        value: the text for "start" or "end".
    """
    return _BOUND.sub(lambda match: value(match[1]) if match[1] else match[0], statement)


def literal(moment: datetime) -> str:
    """A moment as a literal of PostgreSQL."""
    return f"'{moment.isoformat(' ')}'"


def selected(query: str, columns: Iterable[str], where: str = "") -> str:
    """Expressions over the rows of a query."""
    inner = query.strip().rstrip(";").rstrip()
    return f"SELECT {', '.join(columns) or '*'} FROM (\n{inner}\n) AS raytemplate_rows" + (
        f" WHERE {where}" if where else ""
    )
