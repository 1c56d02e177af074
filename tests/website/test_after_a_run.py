"""The site of a template is brought up to date when a run ends, and never ends a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from typing_extensions import override

from raytemplate.api.publish import site_after
from raytemplate.errors import Interrupted, TrainingFailed
from raytemplate.reports.listener import Listener
from raytemplate.store.workspace import Workspace


class Heard(Listener):
    """Keeps notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @override
    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_run_that_ended_is_on_the_site(workspace: Workspace, tmp_path: Path) -> None:
    heard = Heard()
    with site_after(str(tmp_path / "site"), workspace, heard):
        pass
    assert (tmp_path / "site" / "runs" / "aaaaaa.html").exists() and heard.notes == []


def test_so_is_one_that_failed(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed), site_after(str(tmp_path / "site"), workspace, Heard()):
        raise TrainingFailed("fit: it failed")
    assert (tmp_path / "site" / "index.html").exists()


def test_ctrl_c_does_not_wait_for_it(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(Interrupted), site_after(str(tmp_path / "site"), workspace, Heard()):
        raise Interrupted("interrupted")
    assert not (tmp_path / "site").exists()


def test_a_site_that_cannot_be_written_is_a_warning(workspace: Workspace, tmp_path: Path) -> None:
    heard, to = Heard(), tmp_path / "a-file"
    to.write_text("")
    with site_after(str(to), workspace, heard):
        pass
    why = f"{to}: is a file, expected a folder for the site"
    assert heard.notes == [f"warning: the site was not updated: {why}; to try again: raytemplate site {to}"]


def test_without_a_site_nothing_is_written(workspace: Workspace, tmp_path: Path) -> None:
    with site_after("", workspace, Heard()):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["project"]
