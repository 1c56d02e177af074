"""Test folders that other users may enter."""

from __future__ import annotations

from pathlib import Path


def let_in(folder: Path) -> None:
    """Let every user enter a test's folder and all folders above it that pytest made."""
    for each in (folder, *folder.parents):
        each.chmod(0o755)
        if each.name.startswith("pytest-of-"):
            return
    raise AssertionError(f"{folder}: not a folder of pytest")
