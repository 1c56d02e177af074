"""A workspace where MLflow's database is there already: to make it takes each first run seconds."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from raytemplate.store.workspace import Workspace, create


def with_database(folder: Path) -> Workspace:
    """The workspace of a folder, made where there is none, with the database as a first run leaves it."""
    workspace = Workspace(folder)
    create(workspace)
    if not workspace.mlflow_db.exists():
        shutil.copyfile(_whole().mlflow_db, workspace.mlflow_db)
    return workspace


@cache
def _whole() -> Workspace:
    from raytemplate.engines.mlflow.mirror import Mirror

    _folders.append(TemporaryDirectory(prefix="mlflow-ready-"))
    workspace = Workspace(Path(_folders[-1].name))
    create(workspace)
    Mirror(workspace).open()
    return workspace


_folders: list[TemporaryDirectory[str]] = []  # removed when the process ends
