"""The commit that a template is run from, as git's own files have it."""

import subprocess

import pytest

from raytemplate.code.commit import commit_of

WHO = ("-c", "user.name=ada", "-c", "user.email=ada@localhost")


def git(folder, *arguments):
    done = subprocess.run(["git", *WHO, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "project"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates" / "one.yaml").write_text("name: one\n")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "One")
    return folder


def test_the_commit_is_that_of_the_branch_packed_or_not(repository):
    commit = git(repository, "rev-parse", "HEAD")
    assert commit_of(repository / "templates") == commit
    git(repository, "pack-refs", "--all")
    assert commit_of(repository / "templates") == commit


def test_a_commit_that_no_branch_names_and_a_worktree_are_found(repository, tmp_path):
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "other"))
    assert commit_of(tmp_path / "other" / "templates") == commit
    git(repository, "checkout", "--quiet", "--detach")
    assert commit_of(repository) == commit


def test_there_is_none_without_a_repository_or_a_commit(tmp_path):
    assert commit_of(tmp_path) == ""
    git(tmp_path, "init", "--quiet")
    assert commit_of(tmp_path) == ""
