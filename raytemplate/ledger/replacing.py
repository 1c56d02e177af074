"""A ledger in a file is put in place of another one, at once or not at all."""

import os
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from raytemplate.errors import IntegrityError
from raytemplate.ledger.sqlite import (
    BUSY_TIMEOUT_S,
    SCHEMA_NUMBER,
    TABLES,
    InFile,
    build_file,
    check_schema,
    connect_file,
    sqlite_errors,
)
from raytemplate.store.atomic import storage_errors, sync_file, sync_folder, temporary_beside
from raytemplate.store.locks import FileLock


@contextmanager
def replacing(path: Path, kept: Path) -> Generator[InFile]:
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
        with sqlite_errors(path), closing(connect_file(path, "mode=rw")) as db:
            db.execute("PRAGMA synchronous=FULL")
            db.execute("BEGIN IMMEDIATE")
            if int(db.execute("PRAGMA user_version").fetchone()[0]) > SCHEMA_NUMBER:
                is_ledger = True
                check_schema(path, db)
            try:
                _keep(path, kept)
                _empty(db)
                is_ledger = True
                yield InFile(db)
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


@contextmanager
def _made_beside(path: Path, kept: Path) -> Generator[InFile]:
    """A new ledger under another name, which is renamed to `path` when the block ends; what is there is kept."""
    with FileLock(path.with_name(f"{path.name}.lock"), BUSY_TIMEOUT_S):
        new = temporary_beside(path)
        try:
            with storage_errors(path), sqlite_errors(path):
                build_file(new)
                with closing(sqlite3.connect(new, isolation_level=None)) as db:
                    db.execute("PRAGMA synchronous=FULL")
                    db.execute("BEGIN IMMEDIATE")
                    yield InFile(db)
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
    with closing(connect_file(path, "mode=rw")) as source, closing(sqlite3.connect(kept)) as copy:
        source.backup(copy)
    sync_file(kept)


def _empty(db: sqlite3.Connection) -> None:
    """Remove everything from a database and create the tables of a ledger, inside the caller's write transaction."""
    there = "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
    for kind, name in db.execute(f"{there} ORDER BY name = 'event'").fetchall():  # heads refer to events
        quoted = str(name).replace('"', '""')
        db.execute(f'DROP {kind} "{quoted}"')
    statement = ""
    for line in TABLES.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""
