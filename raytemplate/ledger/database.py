"""The SQLite file of the ledger: created once, opened for one transaction at a time, with its errors translated."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from raytemplate.errors import IntegrityError, RaytemplateError, Unavailable, UsageError
from raytemplate.store.atomic import storage_errors, sync_file, sync_folder, temporary_beside
from raytemplate.store.locks import FileLock

SCHEMA_NUMBER = 3
"""Number of the schema. Schema 1 had one kind of body for all events (see `ledger.bodies`), schema 2 no signatures."""
BUSY_TIMEOUT_S = 20.0
"""Seconds to wait for another process that has the ledger locked."""

_TABLES = """
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


@contextmanager
def writing(path: Path) -> Generator[sqlite3.Connection]:
    """One write transaction: all of it is kept when the block ends, none of it if the block raises.

    Creates the file if there is none. A change to a file of an earlier schema raises it to this schema in the same
    transaction, so it always has exactly one schema; a file without changes keeps its own.

    Raises:
        IntegrityError: the file is damaged, is not a ledger, or is newer than this program.
        Unavailable: locked by another process for too long, or the disk is full.
        UsageError: the file or its folder cannot be written.
    """
    if not ledger_exists(path):
        _create(path)
    with _sqlite_errors(path), closing(_connect(path, "mode=rw")) as db:
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA foreign_keys=ON")
        db.execute("BEGIN IMMEDIATE")
        try:
            _check_schema(path, db)
            yield db
            if db.total_changes:
                db.execute(f"PRAGMA user_version={SCHEMA_NUMBER}")
        except BaseException:  # even an interruption must not leave half a change; raised again
            db.rollback()
            raise
        db.execute("COMMIT")


@contextmanager
def reading(path: Path) -> Generator[sqlite3.Connection | None]:
    """A consistent view of the ledger, or None if there is no file. Never creates one."""
    if not ledger_exists(path):
        yield None
        return
    with _sqlite_errors(path), closing(_connect(path, _reading_mode(path))) as db:
        db.execute("PRAGMA query_only=ON")
        db.execute("BEGIN")
        _check_schema(path, db)
        yield db


@contextmanager
def replacing(path: Path, kept: Path) -> Generator[sqlite3.Connection]:
    """An empty ledger that is at `path` when the block ends, in place of what is there; if the block raises, or the
    process is killed at any moment, that stays.

    A database is emptied and filled in one transaction, and not replaced by another file, because a process that has it
    open would then write to a file that nobody reads. What is no database nobody can write, so it is renamed.

    Args:
        kept: a free name beside `path`, under which what was there is kept.
    """
    if not path.exists():
        with _made_beside(path, kept) as db:
            yield db
        return
    is_ledger = False
    try:
        with _sqlite_errors(path), closing(_connect(path, "mode=rw")) as db:
            db.execute("PRAGMA synchronous=FULL")
            db.execute("BEGIN IMMEDIATE")
            if int(db.execute("PRAGMA user_version").fetchone()[0]) > SCHEMA_NUMBER:
                is_ledger = True
                _check_schema(path, db)
            try:
                _keep(path, kept)
                _empty(db)
                is_ledger = True
                yield db
                db.execute(f"PRAGMA user_version={SCHEMA_NUMBER}")
            except BaseException:  # even an interruption must leave what was there; raised again
                db.rollback()
                kept.unlink(missing_ok=True)
                raise
            db.execute("COMMIT")
    except IntegrityError:
        if is_ledger:
            raise
        with _made_beside(path, kept) as db:
            yield db


def columns(db: sqlite3.Connection) -> frozenset[str]:
    """The columns of the events in this file: those of an earlier schema lack some."""
    return frozenset(str(row[1]) for row in db.execute("PRAGMA table_info(event)"))


def add_columns(db: sqlite3.Connection) -> None:
    """Add the columns of this schema to a file of an earlier one, inside the caller's write transaction."""
    for name in ("key", "signature"):
        if name not in columns(db):
            db.execute(f"ALTER TABLE event ADD COLUMN {name} TEXT NOT NULL DEFAULT ''")


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


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    address = f"file:{quote(str(path.absolute()))}?{mode}"
    db = sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    db.text_factory = bytes.decode  # SQLite stores any bytes as text; if they are not UTF-8 the file is damaged
    return db


def _check_schema(path: Path, db: sqlite3.Connection) -> None:
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
            with storage_errors(path), _sqlite_errors(path):
                _build(new)
                os.rename(new, path)
                sync_folder(path.parent)
        finally:
            for suffix in ("", "-wal", "-shm"):
                new.with_name(new.name + suffix).unlink(missing_ok=True)


@contextmanager
def _made_beside(path: Path, kept: Path) -> Generator[sqlite3.Connection]:
    """A new ledger under another name, which is renamed to `path` when the block ends; what is there is kept."""
    with FileLock(path.with_name(f"{path.name}.lock"), BUSY_TIMEOUT_S):
        new = temporary_beside(path)
        try:
            with storage_errors(path), _sqlite_errors(path):
                _build(new)
                with closing(sqlite3.connect(new, isolation_level=None)) as db:
                    db.execute("PRAGMA synchronous=FULL")
                    db.execute("BEGIN IMMEDIATE")
                    yield db
                    db.execute("COMMIT")
                sync_file(new)
                for suffix in ("-wal", "-shm"):  # SQLite would replay an old journal into the new file
                    if path.with_name(path.name + suffix).exists():
                        os.rename(path.with_name(path.name + suffix), kept.with_name(kept.name + suffix))
                if path.exists():
                    shutil.copy2(path, kept)
                    sync_file(kept)
                os.replace(new, path)
                sync_folder(path.parent)
        finally:
            for suffix in ("", "-wal", "-shm"):
                new.with_name(new.name + suffix).unlink(missing_ok=True)


def _keep(path: Path, kept: Path) -> None:
    """Copy a database as it is, while its caller lets nobody else write it."""
    os.close(os.open(kept, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(_connect(path, "mode=rw")) as source, closing(sqlite3.connect(kept)) as copy:
        source.backup(copy)
    sync_file(kept)


def _empty(db: sqlite3.Connection) -> None:
    """Remove everything from a database and create the tables of a ledger, inside the caller's write transaction."""
    there = "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
    for kind, name in db.execute(f"{there} ORDER BY name = 'event'").fetchall():  # heads refer to events
        quoted = str(name).replace('"', '""')
        db.execute(f'DROP {kind} "{quoted}"')
    statement = ""
    for line in _TABLES.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""


def _build(new: Path) -> None:
    # SQLite gives its journals the mode of the file.
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={SCHEMA_NUMBER}; COMMIT;")
    sync_file(new)


@contextmanager
def _sqlite_errors(path: Path) -> Generator[None]:
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
