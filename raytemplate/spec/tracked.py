"""Warnings about parents that may change without a trace: outside the template's git repository, or not tracked."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from raytemplate.spec.layers import Level
from raytemplate.spec.parents import SHIPPED_PREFIX, file_layers

_TIMEOUT_S = 5.0


def untracked_parents(path: Path, name: str) -> Iterator[str]:
    """One warning for each parent outside the template's git repository or not tracked by it.

    There are none if the template is not in a repository or git is not installed.

    Args:
        name: the template as the user wrote it.
    """
    home = _git(path.absolute().parent, "rev-parse", "--show-toplevel")
    if not home:
        return
    for layer in file_layers(path, name):
        if layer.level != Level.PARENT or layer.name.startswith(SHIPPED_PREFIX) or layer.path is None:
            continue
        parent = layer.path.resolve()
        if not parent.is_relative_to(Path(home).resolve()):
            why = "is outside the git repository of the template"
        elif not _git(parent.parent, "ls-files", "--", parent.name):
            why = "is not tracked by git"
        else:
            continue
        yield f"{name}: warning: its parent {layer.name} {why}: it may change without a trace"


def _git(folder: Path, *arguments: str) -> str:
    """Git's output without surrounding whitespace; "" if git fails or is not installed."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""
