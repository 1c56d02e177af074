"""Creates MLflow's database of a workspace under a temporary name, and renames it once it is complete.

MLflow creates its tables in dozens of steps, none of which it can repeat: a file that a full disk or a kill left half
made stays broken ("table ... already exists").
"""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from raytemplate.engines.mlflow.empty_database import keep
from raytemplate.store.atomic import storage_errors, sync_file, sync_folder, temporary_beside

_JOURNALS = ("-journal", "-wal", "-shm")
_WORK = ("runs", "registered_models", "model_versions")
"""Tables that contain a user's work if they have any row."""
_NUM_TABLES = "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
_LEFT_OVER = "SELECT count(*) FROM sqlite_master WHERE name GLOB '_alembic_tmp_*'"


def make_whole(path: Path, build: Callable[[Path], None], kept: Path | None = None) -> str:
    """Ensure that there is a complete database at `path`; the caller holds the workspace's MLflow lock.

    A half-made one that contains no run and no model is renamed, and a new one is made. One that contains any is left
    for MLflow to open, or to report what is wrong with it.

    Args:
        build: has MLflow create its tables in a new file.
        kept: an empty database to copy instead, if it is complete; if not, a copy of the new one is kept there.

    Returns:
        What the user should know about it; usually "".

    Raises:
        RaytemplateError: the disk is full, or the folder cannot be written; `path` is unchanged.
    """
    if path.exists() and (_is_whole(path) or _holds_work(path)):
        return ""
    new = temporary_beside(path)
    try:
        with storage_errors(path):
            if kept is not None and _is_whole(kept):
                shutil.copyfile(kept, new)
            else:
                build(new)
                _mark(new)
                if kept is not None:
                    keep(new, kept)
            sync_file(new)
            aside = _put_aside(path)
            os.rename(new, path)
            sync_folder(path.parent)
    finally:
        for name in ("", *_JOURNALS):
            new.with_name(new.name + name).unlink(missing_ok=True)
    return f"{path.name} was half made and held no run: it was made anew, the old one is {aside}" if aside else ""


def _mark(new: Path) -> None:
    """Store the number of tables of a complete database in a field of the file that MLflow does not use."""
    with closing(sqlite3.connect(new)) as db, db:
        db.execute(f"PRAGMA user_version = {int(db.execute(_NUM_TABLES).fetchone()[0])}")


def _is_whole(path: Path) -> bool:
    try:
        with closing(_opened(path)) as db:
            at_least, tables, left_over = (
                int(db.execute(query).fetchone()[0]) for query in ("PRAGMA user_version", _NUM_TABLES, _LEFT_OVER)
            )
            versions = db.execute("SELECT count(*) FROM alembic_version").fetchone()[0]
            return 0 < at_least <= tables and not left_over and versions > 0
    except sqlite3.Error:
        return False


def _holds_work(path: Path) -> bool:
    """Whether it contains a run or a model; True as well if it cannot be read."""
    try:
        with closing(_opened(path)) as db:
            there = {str(row[0]) for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            return any(db.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for name in _WORK if name in there)
    except sqlite3.Error:
        return True


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=rw", uri=True)


def _put_aside(path: Path) -> str:
    """Rename the file at `path`, if any, and its journals, which SQLite would replay into the new one.

    Returns:
        The new name; "" if there was no file.
    """
    if not path.exists():
        return ""
    number = len(list(path.parent.glob(f"{path.name}.half-made-*[0-9]"))) + 1
    name = f"{path.name}.half-made-{number}"
    for journal in _JOURNALS:
        if path.with_name(path.name + journal).exists():
            path.with_name(path.name + journal).rename(path.with_name(name + journal))
    path.rename(path.with_name(name))
    return name
