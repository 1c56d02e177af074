"""The statements that are made around the query of a SQL source."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime

_BOUND = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(?<![:\w]):(start|end)\b""", re.DOTALL)
"""Texts, quoted names and comments, which stay as they are, or a bound."""


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
