"""An empty database of the installed MLflow, kept in the user's cache: MLflow makes its tables in dozens of migrations,
which take seconds in each new workspace."""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

from raytemplate.store.atomic import temporary_beside


def kept_at() -> Path:
    """Where it is kept; another version of MLflow has another file."""
    folder = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(folder).expanduser() / "raytemplate" / f"mlflow-{version('mlflow')}.db"


def keep(new: Path, kept: Path) -> None:
    """Keep a copy of a database that MLflow has just made. A cache that cannot be written is left alone."""
    with suppress(OSError, sqlite3.Error):
        kept.parent.mkdir(parents=True, exist_ok=True)
        copy = temporary_beside(kept)
        shutil.copyfile(new, copy)
        with closing(sqlite3.connect(copy)) as db, db:
            db.execute("DELETE FROM experiments")  # the default one names a folder; MLflow makes it anew
        os.replace(copy, kept)
