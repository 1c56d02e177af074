"""The site of all models: written when it is asked for, and after each run whose template names one."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from raytemplate.api.workspaces import workspace_at
from raytemplate.errors import Interrupted, RaytemplateError
from raytemplate.reports.listener import Listener
from raytemplate.store.workspace import Workspace

if TYPE_CHECKING:
    from raytemplate.website.update import SiteWritten


def site(to: str | os.PathLike[str], *, workspace: str | None = None) -> SiteWritten:
    """Write a static site of all models, runs and the ledger of a workspace, or bring it up to date.

    Args:
        to: a folder, or a URI such as s3://bucket/prefix; only what has changed since the last time is written.

    Raises:
        UsageError: the destination cannot be written, or holds something else.
        Unavailable: a bucket that cannot be reached, or a full disk.
    """
    return _site(os.fspath(to), workspace_at(workspace))


def _site(to: str, workspace: Workspace) -> SiteWritten:
    from raytemplate.website.destination import open_destination
    from raytemplate.website.update import update_site

    with open_destination(to) as destination:
        return update_site(workspace, destination, datetime.now(UTC))


def refresh_site(to: str, workspace: Workspace, listener: Listener) -> None:
    """Bring a template's site up to date; "" is none. A failure is only a warning."""
    if not to:
        return
    try:
        _site(to, workspace)
    except Exception as error:  # the run has ended, and a page about it must not change how
        what = error.what if isinstance(error, RaytemplateError) else f"{type(error).__name__}: {error}"
        listener.note(f"warning: the site was not updated: {what}; to try again: raytemplate site {to}")


@contextmanager
def site_after(to: str, workspace: Workspace, listener: Listener) -> Generator[None]:
    """Bring the site up to date when the run inside has ended, well or not; not when it was interrupted."""
    try:
        yield
    except Interrupted:
        raise
    except RaytemplateError:
        refresh_site(to, workspace, listener)
        raise
    refresh_site(to, workspace, listener)
