"""The workspace that a door works in: the one that was named, or the one that contains the current folder; its runs."""

import os
from pathlib import Path

from raytemplate.execution.journal import Journal
from raytemplate.history.runs import Run
from raytemplate.store.workspace import Workspace, create, find_run, find_workspace


def workspace_at(named: str | None, *, start: Path | None = None) -> Workspace:
    """The named workspace, or the one found upwards from `start` (default: the current folder). Creates nothing."""
    return find_workspace(start or Path.cwd(), explicit=named, environ=os.environ)


def workspace_to_write(named: str | None) -> Workspace:
    """The workspace of a command that changes what exists; restores empty folders that a backup left out.

    A missing workspace is not created: nothing could be found in it, and its path may be mistyped.

    Raises:
        UsageError: it cannot be written.
    """
    workspace = workspace_at(named)
    if workspace.root.is_dir():
        create(workspace)
    return workspace


def journal_of(workspace: Workspace, run: Run | str) -> Journal:
    """The records of a run, which is given itself, by unique id prefix, or as "last".

    Raises:
        UsageError: none or several match.
    """
    return Journal(find_run(workspace, run if isinstance(run, str) else run.id))
