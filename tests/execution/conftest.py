"""Fixtures for tests whose promoter is a process."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow_ready import with_database


@pytest.fixture
def mlflow_is_there(tmp_path: Path) -> None:
    """A ready MLflow database in the test's folder, so that a first decision need not create it."""
    with_database(tmp_path)
