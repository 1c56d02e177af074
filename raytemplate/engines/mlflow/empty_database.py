"""An empty database of the installed MLflow, kept in the user's cache: MLflow creates its tables in dozens of
migrations, which would take seconds in each new workspace."""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

from raytemplate.store.atomic import temporary_beside


def kept_at() -> Path:
    """The path of the empty database; each version of MLflow has a file of its own."""
    folder = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(folder).expanduser() / "raytemplate" / f"mlflow-{version('mlflow')}.db"


def keep(new: Path, kept: Path) -> None:
    """Keep a copy of a database that MLflow has just created. Does nothing if the cache cannot be written."""
    with suppress(OSError, sqlite3.Error):
        kept.parent.mkdir(parents=True, exist_ok=True)
        copy = temporary_beside(kept)
        shutil.copyfile(new, copy)
        with closing(sqlite3.connect(copy)) as db, db:
            db.execute("DELETE FROM experiments")  # the default one names a folder; MLflow creates it again
        os.replace(copy, kept)
