"""Folders of tests that another user is let into."""

from __future__ import annotations

from pathlib import Path


def let_in(folder: Path) -> None:
    """Every user may look into a test's folder: so it is with all above it that pytest made."""
    for each in (folder, *folder.parents):
        each.chmod(0o755)
        if each.name.startswith("pytest-of-"):
            return
    raise AssertionError(f"{folder}: not a folder of pytest")
