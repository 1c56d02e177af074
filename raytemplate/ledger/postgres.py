"""A ledger in PostgreSQL, through SQLAlchemy Core and psycopg. Both are imported when such a ledger is opened.

An administrator makes its tables once; see `ledger.postgres_sql`. One transaction at a time writes, since each takes
the same advisory lock first.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from raytemplate.errors import IntegrityError, Unavailable, UsageError
from raytemplate.ledger.database import Lost, Rows
from raytemplate.ledger.history import moment
from raytemplate.ledger.postgres_errors import FIELD, in_our_words
from raytemplate.ledger.postgres_sql import MAKE_IT, is_schema
from raytemplate.ledger.sqlite import SCHEMA_NUMBER
from raytemplate.secret import found_from, resolve

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

LOCK_S = 10
"""Seconds to wait for another process that writes the ledger."""
IDLE_S = 15
"""Seconds after which the server ends a transaction whose program it hears nothing of."""
MOST_SKEW = timedelta(minutes=5)
"""How far the clocks of this machine, the database and the last event may be apart."""
_CONNECTING = {
    "connect_timeout": "10", "application_name": "raytemplate", "keepalives_idle": "5", "keepalives_interval": "3",
    "keepalives_count": "3", "tcp_user_timeout": "10000",
}  # fmt: skip
"""Settings of libpq, which the URL may replace."""
_SCHEMA = "raytemplate"
_EXAMPLE = "postgresql://USER:PASSWORD@HOST/NAME"
_INSTALL = "pip install 'raytemplate[sql]'"

_BEGIN = f"""
SELECT set_config('search_path', quote_ident(?) || ', pg_temp', true), set_config('lock_timeout', '{LOCK_S}s', true),
    set_config('idle_in_transaction_session_timeout', '{IDLE_S}s', true), set_config('TimeZone', 'UTC', true),
    has_schema_privilege(to_regnamespace(quote_ident(?))::oid, 'USAGE')
"""


def open_postgres(reference: str, folder: Path) -> Postgres:
    """The ledger whose URL a reference names. Nothing is connected yet.

    Args:
        reference: as `secret.reference` gives it.
        folder: folder to which the path of a reference to a file is relative.

    Raises:
        UsageError: there is no such URL on this machine, it is not one of PostgreSQL, or a package is missing.
    """
    text = resolve(found_from(reference, folder), FIELD, os.environ, said_by="governance.yaml")
    try:
        import psycopg  # noqa: F401  # pyright: ignore[reportUnusedImport]  # SQLAlchemy imports it by name
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError as error:
        name = "SQLAlchemy" if error.name == "sqlalchemy" else "psycopg"
        raise UsageError(f"{FIELD}: PostgreSQL needs {name}, not installed here", next_step=_INSTALL) from None
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise UsageError(f"{FIELD}: what it refers to is not a URL such as {_EXAMPLE}") from None
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise UsageError(f"{FIELD}: what it refers to is the URL of another kind of database; expected {_EXAMPLE}")
    schema = url.query.get("schema", _SCHEMA)
    if not isinstance(schema, str) or not is_schema(schema):
        raise UsageError(f"{FIELD}: its schema is not a name of small letters, digits and _ that starts with a letter")
    return Postgres(url.set(drivername="postgresql+psycopg").difference_update_query(["schema"]), schema)


@dataclass(frozen=True, slots=True)
class Postgres:
    """The database; see `ledger.database.Database`."""

    url: URL
    """Its URL, for psycopg."""

    schema: str = _SCHEMA
    """The schema with the ledger's tables."""

    @property
    def where(self) -> str:
        """See `Database.where`."""
        return f"{FIELD} (schema {self.schema})"

    @property
    def identity(self) -> str:
        """See `Database.identity`."""
        return f"postgresql://{self.url.host or ''}:{self.url.port or 5432}/{self.url.database or ''}?{self.schema}"

    @property
    def restore(self) -> str:
        """See `Database.restore`."""
        return f"restore the schema {self.schema} from a backup of its database"

    def exists(self) -> bool:
        """See `Database.exists`. An event cannot begin it, so whatever opens it finds out."""
        return True

    @contextmanager
    def writing(self) -> Generator[InDatabase]:
        """See `Database.writing`.

        Raises:
            Forbidden: the user of the URL may not write it.
            IntegrityError: it is damaged, or newer than this program.
            Lost: it was given up for another one.
            Unavailable: it cannot be reached, or is locked by another process for too long.
        """
        with self._transaction("READ COMMITTED") as db:
            # Each statement after this one sees what the holder before has committed.
            db.execute("SELECT pg_advisory_xact_lock(1918989413, hashtext(?))", (self.schema,))
            db.check_schema()
            yield db
            db.commit()

    @contextmanager
    def reading(self) -> Generator[InDatabase | None]:
        """See `Database.reading`. Raises as `writing`."""
        try:
            with self._transaction("REPEATABLE READ", postgresql_readonly=True) as db:
                db.check_schema()
                db.connection.execution_options(stream_results=True)  # all events at once would take much memory
                yield db
        except Lost as error:  # a standby ends a look that is in the way of what it takes over
            raise Unavailable(error.what, next_step=error.next_step) from error

    @contextmanager
    def _transaction(self, isolation: str, **options: bool) -> Generator[InDatabase]:
        with in_our_words(self.where, self.restore), _engine(self.url).connect() as connection:
            connection.execution_options(isolation_level=isolation, **options)
            db = InDatabase(connection, self)
            may_use = db.execute(_BEGIN, (self.schema, self.schema)).fetchall()[0][-1]
            if not may_use:
                raise _no_schema(self, exists=may_use is not None)
            yield db


def _no_schema(database: Postgres, *, exists: bool) -> UsageError:
    what = "the user of the URL may not use it" if exists else "the database has no such schema"
    return UsageError(f"{database.where}: {what}; an administrator makes it", next_step=MAKE_IT)


@dataclass(frozen=True, slots=True)
class InDatabase:
    """One transaction; see `ledger.database.Transaction`."""

    connection: Connection
    """The open connection."""

    database: Postgres
    """The database."""

    unindexed: str = ""
    """An index that is damaged is the server's to find."""

    def execute(self, statement: str, values: Sequence[object] = (), /) -> Rows:
        """See `Transaction.execute`."""
        found = self.connection.exec_driver_sql(statement.replace("?", "%s"), tuple(values))
        return cast("Rows", found)  # its `rowcount` is a descriptor, which a checker does not take for a number

    def columns(self) -> frozenset[str]:
        """See `Transaction.columns`. Only an administrator adds some."""
        return frozenset(
            ("seq", "prev_hash", "hash", "type", "model", "body", "actor", "idem", "at", "key", "signature")
        )

    def add_columns(self) -> None:
        """See `Transaction.add_columns`."""

    def of_body(self, name: str) -> str:
        """See `Transaction.of_body`."""
        return f"body::json ->> '{name}'"

    def moment(self, ours: datetime, last: str) -> datetime:
        """See `Transaction.moment`: the database's clock, but never earlier than the last event."""
        now: datetime = self.execute("SELECT clock_timestamp()").fetchall()[0][0].astimezone(UTC)
        if abs(now - ours) > MOST_SKEW:
            raise _skewed(self.database, "the clocks of this machine and of the database", now - ours)
        before = moment(last, "the last event") if last else now
        if before - now > MOST_SKEW:
            raise _skewed(self.database, "the database's clock and the time of the last event", before - now)
        return max(now, before)

    def faults(self) -> list[str]:
        """See `Transaction.faults`: the server watches over its structures."""
        return []

    def check_schema(self) -> None:
        """Refuse tables of a newer program."""
        number = int(self.execute("SELECT number FROM about").fetchall()[0][0])
        if number > SCHEMA_NUMBER:
            raise IntegrityError(
                f"{self.database.where}: has schema {number}, this version reads up to {SCHEMA_NUMBER}: upgrade "
                "raytemplate",
                next_step="pip install --upgrade raytemplate",
            )

    def commit(self) -> None:
        """Keep everything."""
        with in_our_words(self.database.where, self.database.restore, committing=True):
            self.connection.commit()


def _skewed(database: Postgres, which: str, by: timedelta) -> Unavailable:
    minutes = abs(by).total_seconds() / 60
    return Unavailable(
        f"{database.where}: {which} are {minutes:.0f} minutes apart, more than "
        f"{MOST_SKEW.total_seconds() / 60:.0f}; nothing was written",
        next_step="set the clock that is wrong, then give the same command again",
    )


@lru_cache(maxsize=8)
def _engine(url: URL) -> Engine:
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    from raytemplate.ledger.impatient import connect

    settings = {name: value for name, value in _CONNECTING.items() if name not in url.query}
    # Not prepared, since a pooler such as PgBouncer may give each transaction another connection.
    connecting: dict[str, Any] = {**settings, "prepare_threshold": None}
    engine = create_engine(url, poolclass=NullPool, connect_args=connecting, use_native_hstore=False)
    event.listen(engine, "do_connect", lambda dialect, record, arguments, named: connect(*arguments, **named))
    return engine
