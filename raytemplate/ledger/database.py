"""What the ledger needs of the database that keeps it: `ledger.sqlite` in a workspace, `ledger.postgres` for a team.

Its statements are written once, with `?` for each value. What differs between databases is asked of the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from raytemplate.errors import Unavailable
from raytemplate.ledger.sqlite import SQLite, ledger_exists

__all__ = ["Database", "Lost", "Rows", "Transaction", "database_of", "ledger_exists", "reading", "retried", "writing"]

_TRIES = 5
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class Rows(Protocol):
    """What a statement gives."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    def fetchone(self) -> Sequence[Any] | None:
        """The next row; None if there is none."""
        ...

    def fetchall(self) -> Sequence[Sequence[Any]]:
        """The rows that are left."""
        ...

    def __iter__(self) -> Iterator[Sequence[Any]]: ...


class Transaction(Protocol):
    """One transaction of the ledger."""

    @property
    def unindexed(self) -> str:
        """Written after a table's name where an index, which may be damaged, must not hide rows."""
        ...

    def execute(self, statement: str, values: Sequence[object] = (), /) -> Rows:
        """Run one statement with a `?` for each value."""
        ...

    def columns(self) -> frozenset[str]:
        """The columns of the events: those of an earlier schema lack some."""
        ...

    def add_columns(self) -> None:
        """Add the columns of this schema to events of an earlier one."""
        ...

    def of_body(self, name: str) -> str:
        """SQL for a field of an event's body."""
        ...

    def moment(self, ours: datetime, last: str) -> datetime:
        """The time of the next event.

        Args:
            ours: the time by this machine's clock.
            last: the time of the last event, in ISO format; "" if there is none.

        Raises:
            Unavailable: the clocks of this machine, the database and the last event disagree.
        """
        ...

    def faults(self) -> list[str]:
        """What the database finds wrong with its own structures."""
        ...


class Database(Protocol):
    """The database of a ledger."""

    @property
    def where(self) -> str:
        """Where it is, for messages: they never show a password."""
        ...

    @property
    def identity(self) -> str:
        """Where it is, so that another one there is noticed."""
        ...

    @property
    def restore(self) -> str:
        """The next step if a ledger is lost or damaged."""
        ...

    def exists(self) -> bool:
        """Whether there may be a ledger; False only if it can be begun by the first event."""
        ...

    def reading(self) -> AbstractContextManager[Transaction | None]:
        """A consistent view of the ledger, or None if there is none yet. Never creates one."""
        ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """One write transaction at a time: all of it is kept when the block ends, none of it if the block raises."""
        ...


class Lost(Unavailable):
    """The database gave this transaction up for another one. Nothing was written, and a repetition may succeed."""


def database_of(found: Path | Database) -> Database:
    """The database; a path is that of an SQLite file."""
    return SQLite(found) if isinstance(found, Path) else found


def reading(found: Path | Database) -> AbstractContextManager[Transaction | None]:
    """See `Database.reading`."""
    return database_of(found).reading()


def writing(found: Path | Database) -> AbstractContextManager[Transaction]:
    """See `Database.writing`."""
    return database_of(found).writing()


def retried(work: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Work that is repeated from its beginning if the database gave its transaction up."""

    @wraps(work)
    def again(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        for left in reversed(range(_TRIES)):
            try:
                return work(*arguments, **named)
            except Lost as error:
                if not left:
                    raise Unavailable(error.what, next_step=error.next_step) from error
        raise AssertionError("unreachable")

    return again
