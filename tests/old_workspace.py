"""The workspace of an earlier version, with its model in MLflow."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from raytemplate.engines.mlflow.mirror import Mirror, tracking_uri
from raytemplate.store.workspace import Workspace, create

if TYPE_CHECKING:
    from mlflow import MlflowClient

FIXTURE = Path(__file__).parent / "fixtures" / "workspace_0_1" / "workspace"
MODEL = "pump-pressure"


def projected(folder: Path) -> Workspace:
    """A copy of it. Version 2 is the champion, version 3 the challenger."""
    made = Workspace(folder)
    shutil.copytree(FIXTURE, made.root)
    create(made)
    Mirror(made).project(MODEL)
    return made


def client_of(workspace: Workspace) -> MlflowClient:
    """A client of the workspace's MLflow."""
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri(workspace), registry_uri=tracking_uri(workspace))
