"""Errors of PostgreSQL in our words: none shows where the database is, or its user and password."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

from raytemplate.errors import Forbidden, IntegrityError, RaytemplateError, Unavailable, UsageError
from raytemplate.ledger.database import Lost
from raytemplate.ledger.postgres_sql import MAKE_IT

FIELD = "ledger.url"
"""The field that refers to the database."""
_AGAIN = "see that the database runs and can be reached from here, then give the same command again"
_GIVEN_UP = ("40001", "40P01", "23000", "23505")
"""Serialization failure, deadlock, and what refuses an event that another one came before."""
_NOBODY = re.compile(r'authentication failed|no password supplied|no pg_hba\.conf entry|role "[^"]*" does not exist')
_REASON = re.compile(
    r"Connection refused|timeout expired|could not translate host name|Name or service not known|too many clients"
    r"|Temporary failure in name resolution|failed to resolve host|is starting up|is shutting down"
    r"|terminat\w+ connection|idle-in-transaction timeout|server closed the connection|connection is closed"
    r"|No such file or directory|SSL[\w ]*|certificate verify failed|Network is unreachable|No route to host"
)


@contextmanager
def in_our_words(where: str, restore: str, *, committing: bool = False) -> Generator[None]:
    """Translates what SQLAlchemy and the driver raise.

    Args:
        where: the ledger, for the message.
        restore: the next step if it is damaged.
        committing: whether a lost connection leaves it open if the transaction was kept.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        raise _translated(error, where, restore, committing) from None
    except IntegrityError as error:
        if error.next_step:
            raise
        raise IntegrityError(f"{where}: {error.what}", next_step=restore) from error


def _translated(error: Exception, where: str, restore: str, committing: bool) -> RaytemplateError:
    cause = getattr(error, "orig", None) or error
    state, words = str(getattr(cause, "sqlstate", None) or ""), str(cause)
    if state in _GIVEN_UP:
        return Lost(f"{where}: another process wrote at the same time; nothing was written", next_step=_AGAIN)
    if state.startswith("28") or (not state and _NOBODY.search(words)):
        return Forbidden(
            f"{where}: the database denies access to the user of the URL", next_step="correct the user or the password"
        )
    if state == "3D000" or re.search(r'database "[^"]*" does not exist', words):
        return UsageError(f"{where}: the server has no database of that name", next_step="correct the URL")
    if state == "42501":
        return Forbidden(
            f"{where}: the user of the URL lacks a right: {_first_line(words)}",
            next_step="use a user who is a member of the schema's promoters to write, or of its readers to read",
        )
    if state == "42P01":
        return UsageError(f"{where}: tables of the ledger are missing; an administrator makes them", next_step=MAKE_IT)
    if state == "55P03":
        return Unavailable(f"{where}: locked by another process for too long; nothing was written", next_step=_AGAIN)
    if state == "25006":
        return Unavailable(
            f"{where}: this server can only be read, as a standby can; nothing was written",
            next_step="let the URL lead to the server that is written",
        )
    if not state or state[:2] in ("08", "53", "57", "58", "25"):
        reason = _REASON.search(words)
        kept = "whether the change was kept is not known" if committing else "nothing was written"
        return Unavailable(
            f"{where}: the database does not answer{f': {reason[0]}' if reason else ''}; {kept}", next_step=_AGAIN
        )
    return IntegrityError(f"{where}: damaged, or not a ledger: {_first_line(words)}", next_step=restore)


def _first_line(words: str) -> str:
    """What the server says, without the statement that it quotes."""
    return words.strip().split("\n", 1)[0].strip()[:200]
