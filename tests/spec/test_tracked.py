"""A parent that may change without a trace gets a warning."""

from __future__ import annotations

import subprocess

import pytest
from click.testing import CliRunner
from template_text import WHOLE, write

from raytemplate.cli.check_command import command
from raytemplate.spec.tracked import untracked_parents


def git(folder, *arguments):
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """A repository with a template in it, beside a parent that is tracked and one outside."""
    home = tmp_path / "home"
    write(tmp_path, "owner: outside\n", "outside.yaml")
    write(home, "owner: inside\n", "inside.yaml")
    write(home, f"extends: inside.yaml\n{WHOLE}")
    git(home, "init", "-q")
    git(home, "add", "inside.yaml", "t.yaml")
    return home


def warnings(home):
    return [text.replace(f"{home}/", "") for text in untracked_parents(home / "t.yaml", str(home / "t.yaml"))]


def test_a_tracked_parent_is_fine(repository):
    assert warnings(repository) == []


def test_a_parent_that_git_does_not_know_is_told(repository):
    git(repository, "rm", "-q", "--cached", "inside.yaml")
    assert warnings(repository) == [
        "t.yaml: warning: its parent inside.yaml is not tracked by git: it may change without a trace"
    ]


def test_a_parent_outside_is_told(repository):
    write(repository, f"extends: ../outside.yaml\n{WHOLE}")
    (found,) = warnings(repository)
    assert "its parent ../outside.yaml is outside the git repository of the template" in found


def test_a_shipped_parent_and_a_folder_without_git_are_fine(repository, tmp_path):
    write(repository, f"extends: raytemplate:tabular-regression\n{WHOLE}")
    assert warnings(repository) == []
    write(tmp_path / "plain", f"extends: ../outside.yaml\n{WHOLE}")
    assert warnings(tmp_path / "plain") == []


def test_check_prints_the_warning_and_ends_well(repository):
    write(repository, f"extends: ../outside.yaml\n{WHOLE}")
    answer = CliRunner().invoke(command, [str(repository / "t.yaml"), "--no-data"], standalone_mode=False).return_value
    assert (answer.code, len(answer.data["warnings"])) == (0, 1)
    assert [line for line in answer.text.splitlines() if " warning: " in line] == list(answer.data["warnings"])
