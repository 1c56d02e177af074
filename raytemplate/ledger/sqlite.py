"""The SQLite file of the ledger: created once, opened for one transaction at a time, with its errors translated."""

import os
import sqlite3
import stat
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from raytemplate.errors import IntegrityError, RaytemplateError, Unavailable, UsageError
from raytemplate.store.atomic import storage_errors, sync_file, sync_folder, temporary_beside
from raytemplate.store.locks import FileLock

SCHEMA_NUMBER = 3
"""Number of the schema. Schema 1 had one kind of body for all events (see `ledger.bodies`), schema 2 no signatures."""
BUSY_TIMEOUT_S = 20.0
"""Seconds to wait for another process that has the ledger locked."""

TABLES = """
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    model TEXT NOT NULL,
    body TEXT NOT NULL,
    actor TEXT NOT NULL,
    idem TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    key TEXT NOT NULL DEFAULT '',
    signature TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX event_of_model ON event (model, seq);
CREATE TABLE head (
    model TEXT PRIMARY KEY,
    term INTEGER NOT NULL,
    version INTEGER NOT NULL,
    digest TEXT NOT NULL,
    run_id TEXT NOT NULL,
    seen_until TEXT NOT NULL,
    at TEXT NOT NULL,
    event_seq INTEGER NOT NULL UNIQUE REFERENCES event (seq)
) STRICT;
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
-- INSERT OR REPLACE deletes without asking the trigger above, hence the second half.
CREATE TRIGGER event_is_appended BEFORE INSERT ON event
WHEN NEW.seq != (SELECT coalesce(max(seq), 0) + 1 FROM event)
    OR EXISTS (SELECT 1 FROM event WHERE hash = NEW.hash OR idem = NEW.idem)
BEGIN SELECT RAISE(ABORT, 'events are only appended'); END;
"""

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_FORBIDDEN = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)


@dataclass(frozen=True, slots=True)
class InFile:
    """One transaction; see `ledger.database.Transaction`."""

    db: sqlite3.Connection
    """The open file."""

    unindexed: str = "NOT INDEXED"
    """An index that is damaged would silently hide rows."""

    def execute(self, statement: str, values: Sequence[object] = (), /) -> sqlite3.Cursor:
        """See `Transaction.execute`."""
        return self.db.execute(statement, tuple(values))

    def columns(self) -> frozenset[str]:
        """See `Transaction.columns`."""
        return frozenset(str(row[1]) for row in self.db.execute("PRAGMA table_info(event)"))

    def add_columns(self) -> None:
        """See `Transaction.add_columns`."""
        for name in ("key", "signature"):
            if name not in self.columns():
                self.db.execute(f"ALTER TABLE event ADD COLUMN {name} TEXT NOT NULL DEFAULT ''")

    def of_body(self, name: str) -> str:
        """See `Transaction.of_body`."""
        return f"json_extract(body, '$.{name}')"

    def moment(self, ours: datetime, last: str) -> datetime:
        """See `Transaction.moment`. The only clock is this machine's, even if it was put back."""
        return ours

    def faults(self) -> list[str]:
        """See `Transaction.faults`."""
        return [str(row[0]) for row in self.db.execute("PRAGMA integrity_check") if row[0] != "ok"]


@dataclass(frozen=True, slots=True)
class SQLite:
    """The file; see `ledger.database.Database`."""

    path: Path
    """Path of the file."""

    @property
    def where(self) -> str:
        """See `Database.where`."""
        return str(self.path)

    @property
    def identity(self) -> str:
        """See `Database.identity`."""
        return os.path.realpath(self.path)

    @property
    def restore(self) -> str:
        """See `Database.restore`."""
        return restore(self.path)

    def exists(self) -> bool:
        """See `Database.exists`."""
        return ledger_exists(self.path)

    @contextmanager
    def writing(self) -> Generator[InFile]:
        """See `Database.writing`. Creates the file if there is none.

        A change to a file of an earlier schema raises it to this schema in the same transaction, so it always has
        exactly one schema; a file without changes keeps its own.

        Raises:
            IntegrityError: the file is damaged, is not a ledger, or is newer than this program.
            Unavailable: locked by another process for too long, or the disk is full.
            UsageError: the file or its folder cannot be written.
        """
        path = self.path
        if not ledger_exists(path):
            _create(path)
        with sqlite_errors(path), closing(connect_file(path, "mode=rw")) as db:
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA foreign_keys=ON")
            db.execute("BEGIN IMMEDIATE")
            try:
                check_schema(path, db)
                yield InFile(db)
                if db.total_changes:
                    db.execute(f"PRAGMA user_version={SCHEMA_NUMBER}")
            except BaseException:  # even an interruption must not leave half a change; raised again
                db.rollback()
                raise
            db.execute("COMMIT")

    @contextmanager
    def reading(self) -> Generator[InFile | None]:
        """See `Database.reading`."""
        path = self.path
        if not ledger_exists(path):
            yield None
            return
        with sqlite_errors(path), closing(connect_file(path, _reading_mode(path))) as db:
            db.execute("PRAGMA query_only=ON")
            db.execute("BEGIN")
            check_schema(path, db)
            yield InFile(db)


def ledger_exists(path: Path) -> bool:
    """Whether there is a file at `path`. If the path is free there is no ledger yet; anything else means it was lost.

    Raises:
        IntegrityError: something other than a file is at `path`, or only the ledger's journal is left.
        UsageError: the folder cannot be read.
    """
    with storage_errors(path, doing="read"):
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            _refuse_journal_alone(path)
            return path.is_file()  # another process may have made it since the first look
    if stat.S_ISLNK(mode) and not path.exists():
        raise IntegrityError(f"{path}: a link that leads nowhere, expected the ledger", next_step=restore(path))
    if not path.is_file():
        raise IntegrityError(f"{path}: not a file, expected the ledger", next_step=restore(path))
    return True


def _refuse_journal_alone(path: Path) -> None:
    """Refuse to create a file beside an old journal, since SQLite would replay that into it."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if _journal(path).stat().st_size and not path.exists():
            raise IntegrityError(f"{path}: missing, but its journal is there", next_step=restore(path))


def _reading_mode(path: Path) -> str:
    """The mode to open the file with for reading.

    The last reader removes the journal if it may write to the folder; in a read-only folder there is no journal. There
    a WAL database opens only if SQLite is told that nobody changes it.
    """
    return "mode=rw" if os.access(path.parent, os.W_OK) or _journal(path).exists() else "immutable=1"


def _journal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def connect_file(path: Path, mode: str) -> sqlite3.Connection:
    """The open file, in a mode of SQLite's URIs."""
    address = f"file:{quote(str(path.absolute()))}?{mode}"
    db = sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    db.text_factory = bytes.decode  # SQLite stores any bytes as text; if they are not UTF-8 the file is damaged
    return db


def check_schema(path: Path, db: sqlite3.Connection) -> None:
    """Refuse a newer or foreign file. Runs inside the transaction: until that begins, a newer version may write."""
    number = int(db.execute("PRAGMA user_version").fetchone()[0])
    if number > SCHEMA_NUMBER:
        raise IntegrityError(
            f"{path}: written with schema {number}, this version reads up to {SCHEMA_NUMBER}: upgrade raytemplate",
            next_step="pip install --upgrade raytemplate",
        )
    if number < 1:
        raise IntegrityError(f"{path}: not a ledger of raytemplate, or an emptied one", next_step=restore(path))


def _create(path: Path) -> None:
    """Build the file under another name and rename it, so that every process sees either nothing or a full ledger."""
    with FileLock(path.with_name(f"{path.name}.lock"), BUSY_TIMEOUT_S):
        if ledger_exists(path):
            return
        new = temporary_beside(path)
        try:
            with storage_errors(path), sqlite_errors(path):
                build_file(new)
                os.rename(new, path)
                sync_folder(path.parent)
        finally:
            for suffix in ("", "-wal", "-shm"):
                new.with_name(new.name + suffix).unlink(missing_ok=True)


def build_file(new: Path) -> None:
    """Create a ledger without events at a free path."""
    # SQLite gives its journals the mode of the file.
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(f"BEGIN; {TABLES} PRAGMA user_version={SCHEMA_NUMBER}; COMMIT;")
    sync_file(new)


@contextmanager
def sqlite_errors(path: Path) -> Generator[None]:
    """Errors of SQLite inside the block are raised in our words."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:  # sqlite3 was used wrongly, which is a bug of raytemplate
            raise
        raise _in_our_words(path, int(code) & 0xFF, error) from error
    except UnicodeDecodeError as error:
        raise IntegrityError(f"{path}: damaged: it holds text that is not UTF-8", next_step=restore(path)) from error
    except IntegrityError as error:
        if error.next_step:
            raise
        raise IntegrityError(f"{path}: {error.what}", next_step=restore(path)) from error


def _in_our_words(path: Path, code: int, error: Exception) -> RaytemplateError:
    if code in _BUSY:
        return Unavailable(f"{path}: locked by another process for more than {BUSY_TIMEOUT_S:g} s")
    if code == sqlite3.SQLITE_FULL:
        return Unavailable(f"{path}: disk full, nothing was written", next_step="make space, then run it again")
    if code in _FORBIDDEN:
        return UsageError(f"{path}: cannot be opened or written by this user: {error}")
    if code == sqlite3.SQLITE_IOERR:
        # On a full disk SQLite cannot create the journal's index and reports only an I/O error.
        return Unavailable(f"{path}: {error}; is the disk full?")
    return IntegrityError(f"{path}: damaged, or not a ledger: {error}", next_step=restore(path))


def restore(path: Path) -> str:
    """The next step if a ledger is lost or damaged."""
    return f"restore {path} from a backup: raytemplate ledger restore FILE"
