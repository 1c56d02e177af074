"""The commit that a template is run from, read from git's own files: nothing is started for it."""

from contextlib import suppress
from pathlib import Path


def commit_of(folder: Path) -> str:
    """The commit checked out in the git repository that holds a folder; "" if there is none.

    Files may have been changed since that commit.
    """
    with suppress(OSError, ValueError):
        for parent in (folder, *folder.parents):
            if (parent / ".git").exists():
                return _head(_git_folder(parent / ".git"))
    return ""


def _git_folder(path: Path) -> Path:
    """The folder itself, or the one that a worktree's `.git` file names."""
    return path if path.is_dir() else path.parent / path.read_text().removeprefix("gitdir:").strip()


def _head(git: Path) -> str:
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head
    ref = head.removeprefix("ref:").strip()
    shared = git / (git / "commondir").read_text().strip() if (git / "commondir").exists() else git
    if (shared / ref).is_file():
        return (shared / ref).read_text().strip()
    lines = (shared / "packed-refs").read_text().splitlines()
    return next((line.split()[0] for line in lines if line.endswith(f" {ref}")), "")
