"""Errors of databases in our words: none shows where the database is or who asks it."""

import re
from typing import Any

from raytemplate.errors import FieldError, Forbidden, RaytemplateError, Unavailable

URL, QUERY = "data.sql.url", "data.sql.query"
_LATER = "see that the database runs and can be reached from here, and give the same command again"
_GRANT = "use a URL of somebody who may read these tables"
_NOBODY = r'no pg_hba.conf entry|role "[^"]*" does not exist'
_REASON = re.compile(
    r"Connection refused|timeout expired|could not translate host name|Name or service not known|too many clients"
    r"|is starting up|is shutting down|terminat\w+ connection|server closed the connection|No such file or directory"
    r"|SSL[\w ]*|Network is unreachable|database is locked"
)


def of_postgres(error: Any) -> RaytemplateError:
    """An error of PostgreSQL's driver, by its SQLSTATE."""
    state, words = str(getattr(error, "sqlstate", None) or ""), str(error)
    if state.startswith("28") or "authentication failed" in words or re.search(_NOBODY, words):
        return Forbidden(f"{URL}: the database denies access to the user of the URL", next_step=_GRANT)
    if state == "3D000" or re.search(r'database "[^"]*" does not exist', words):
        return FieldError(URL, "the server has no database of that name")
    if state == "42501":
        return Forbidden(f"{QUERY}: {_first_line(words)}", next_step=_GRANT)
    if state == "25006":
        return FieldError(QUERY, "it would write to the database, expected a SELECT that only reads")
    if state.startswith("22"):  # its text may quote a value of a column that is masked
        return FieldError(QUERY, f"fails on the values of a row (SQLSTATE {state})")
    if state[:2] in ("08", "53", "57") or not state:
        return _unavailable(words)
    return FieldError(QUERY, _first_line(words))


def of_alchemy(error: Any) -> RaytemplateError:
    """An error of SQLAlchemy, which wraps that of a driver."""
    words = str(getattr(error, "orig", None) or error)
    if "unable to open database file" in words:
        return FieldError(URL, "the SQLite file of the URL cannot be opened; a path is relative to the template")
    if "file is not a database" in words:
        return FieldError(URL, "the file of the URL is not an SQLite database")
    if "readonly database" in words or "query_only" in words:
        return FieldError(QUERY, "it would write to the database, expected a SELECT that only reads")
    if type(error).__name__ == "DataError":  # its text may quote a value of a column that is masked
        return FieldError(QUERY, "fails on the values of a row")
    if re.search(r"\b1045\b|[Aa]ccess denied|[Ll]ogin failed|authentication failed", words):
        return Forbidden(f"{URL}: the database denies access to the user of the URL", next_step=_GRANT)
    is_query = re.search(r"no such|syntax error|ambiguous|misuse|incomplete input|unrecognized|wrong number", words)
    if is_query or type(error).__name__ == "ProgrammingError":
        return FieldError(QUERY, _first_line(words))
    return _unavailable(words)


def _unavailable(words: str) -> Unavailable:
    reason = _REASON.search(words)
    return Unavailable(f"{URL}: the database does not answer" + (f": {reason[0]}" if reason else ""), next_step=_LATER)


def _first_line(words: str) -> str:
    """What a server says, without the statement that it quotes."""
    told = words.partition("ERROR:")[2] or words
    return told.strip().split("\n", 1)[0].strip()[:200]
