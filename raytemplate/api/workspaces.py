"""The workspace that a door works in: the one named, or the one around the current folder."""

import os
from pathlib import Path

from raytemplate.store.workspace import Workspace, create, find_workspace


def workspace_at(named: str | None, *, start: Path | None = None) -> Workspace:
    """The workspace that is named, or else found from `start`, default the current folder. Nothing is created."""
    return find_workspace(start or Path.cwd(), explicit=named, environ=os.environ)


def workspace_to_write(named: str | None) -> Workspace:
    """The workspace of a command that works on what is there, whole again where a backup left out empty folders.

    Where there is none, none is made: whatever is asked of it will not be found, and its path may be mistyped.

    Raises:
        UsageError: it cannot be written.
    """
    workspace = workspace_at(named)
    if workspace.root.is_dir():
        create(workspace)
    return workspace
