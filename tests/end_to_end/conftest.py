"""A workspace where MLflow's database is there already."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow_ready import with_database


@pytest.fixture
def demo(demo: Path) -> Path:
    """As elsewhere, with a workspace that has no runs yet; the story and eight runs at once begin without one."""
    with_database(demo)
    return demo
