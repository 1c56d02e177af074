"""A workspace of made runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from site_runs import sample

from raytemplate.store.workspace import Workspace
from raytemplate.testing.sample_runs import write_runs


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two models: one with a champion, a rejected and a held run, and one with a champion."""
    found = Workspace(tmp_path / "project")
    found.folder.mkdir()
    write_runs(
        found,
        [
            sample("aaaaaa"),
            sample("bbbbbb", days=31, outcome="", value=8.5),
            sample("cccccc", days=62, outcome="waiting", value=6.1),
            sample("dddddd", days=3, name="a-late-one", cadence=""),
        ],
    )
    return found
