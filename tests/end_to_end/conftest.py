"""A workspace where MLflow's database is there already: to make it takes each first run a second."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from raytemplate.engines.mlflow.mirror import Mirror
from raytemplate.store.workspace import Workspace, create


@pytest.fixture(scope="session")
def mlflow_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database as the first run of a workspace makes it."""
    workspace = Workspace(tmp_path_factory.mktemp("mlflow"))
    create(workspace)
    Mirror(workspace).open()
    return workspace.mlflow_db


@pytest.fixture
def demo(demo: Path, mlflow_db: Path) -> Path:
    """As elsewhere, with a workspace that has no runs yet; the story and eight runs at once begin without one."""
    workspace = Workspace(demo)
    create(workspace)
    shutil.copyfile(mlflow_db, workspace.mlflow_db)
    return demo
