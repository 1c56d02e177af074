"""What a shell completes after Tab: runs and models of the workspace, and fields of a template.

A completion never fails and starts nothing: whatever cannot be read is not offered.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from raytemplate.store.workspace import Workspace


def runs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids of runs, newest first, and "last"."""
    folder = _workspace(context).runs
    found = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True) if folder.is_dir() else []
    return [name for name in ("last", *(path.name for path in found)) if name.startswith(incomplete)]


def gates(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Gates of the run on the command line: those that blocked or held it."""
    from raytemplate.errors import RaytemplateError
    from raytemplate.execution.journal import Journal
    from raytemplate.records.judged import VerdictRecord
    from raytemplate.store.workspace import find_run

    try:
        record = Journal(find_run(_workspace(context), str(context.params.get("run")))).read(VerdictRecord)
    except RaytemplateError:
        return []
    stopped = [one.gate for one in record.verdict.findings if one.outcome in ("block", "hold")] if record else []
    return [name for name in stopped if name.startswith(incomplete)]


def snapshots(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Short names of snapshots, and runs."""
    from raytemplate.errors import RaytemplateError
    from raytemplate.history.snapshots import snapshots as listed

    try:
        names = dict.fromkeys(row.name for row in listed(_workspace(context)))
    except RaytemplateError:
        names = {}
    return [name for name in names if name.startswith(incomplete)] + runs(context, parameter, incomplete)


def models(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of registered models; after "@" their aliases."""
    from raytemplate.errors import RaytemplateError
    from raytemplate.ledger.opening import open_ledger

    try:
        names = open_ledger(_workspace(context)).models()
    except RaytemplateError:
        return []
    aliases = (f"{name}@{alias}" for name in names for alias in ("champion", "challenger"))
    return [name for name in (*names, *(aliases if "@" in incomplete else ())) if name.startswith(incomplete)]


def references(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Models and runs."""
    return models(context, parameter, incomplete) + runs(context, parameter, incomplete)


def lineage(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Models, runs, and after "features" the feature sets."""
    found = references(context, parameter, incomplete)
    return found + (_feature_sets(context, incomplete) if incomplete.startswith("features") else [])


def _feature_sets(context: click.Context, incomplete: str) -> list[str]:
    from raytemplate.errors import RaytemplateError
    from raytemplate.ledger.opening import open_ledger

    ledger = open_ledger(_workspace(context))
    try:
        versions = [version for name in ledger.models() for version in ledger.history(name).versions]
    except RaytemplateError:
        return []
    names = (f"features/{version.model}/{version.version}" for version in versions)
    return [name for name in names if name.startswith(incomplete)]


def fields(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Dotted paths of a template's fields."""
    return [path for path in _fields() if path.startswith(incomplete)]


def settings(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The same with "=" after it, for `--set`."""
    return [f"{path}=" for path in _fields() if path.startswith(incomplete)]


def _fields() -> list[str]:
    from raytemplate import plugins
    from raytemplate.errors import RaytemplateError
    from raytemplate.spec.names import field_paths
    from raytemplate.spec.schema import NAMESPACES

    found = [path for name, model in NAMESPACES.items() for path in field_paths(model, name)]
    for family in plugins.names(plugins.FAMILIES):
        with suppress(RaytemplateError):
            found += field_paths(plugins.load(plugins.FAMILIES, family).options, "model")
    return sorted(dict.fromkeys(found))


def _workspace(context: click.Context) -> Workspace:
    from raytemplate.api.workspaces import workspace_at
    from raytemplate.errors import UsageError
    from raytemplate.store.workspace import Workspace

    try:
        return workspace_at(context.params.get("workspace"))
    except UsageError:  # a chosen folder that does not exist holds nothing that could be offered
        return Workspace(Path(os.devnull))
