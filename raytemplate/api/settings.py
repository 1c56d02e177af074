"""The settings of governance: what is in force, and how they are changed."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from raytemplate.api.workspaces import workspace_at
from raytemplate.errors import UsageError
from raytemplate.redact import redact
from raytemplate.store.workspace import create

if TYPE_CHECKING:
    from raytemplate.execution.in_force import InForce

__all__ = ["change_settings", "settings", "settings_difference"]


def settings(*, workspace: str | None = None) -> InForce:
    """The settings of governance that a workspace's ledger has in force.

    Raises:
        IntegrityError: the ledger is lost, or an event that changes settings was edited.
    """
    from raytemplate.execution.in_force import in_force

    return in_force(workspace_at(workspace))


def settings_difference(*, workspace: str | None = None) -> str:
    """How `governance.yaml` is not what the ledger has in force, in words; "" if it is."""
    from raytemplate.execution.in_force import told_difference

    return told_difference(workspace_at(workspace))


def change_settings(file: str | Path, *, reason: str, workspace: str | None = None) -> tuple[int, str]:
    """Put the settings of a file in force, by an event of the ledger that this user signs.

    Args:
        file: the workspace's `governance.yaml`.
        reason: why, kept in the ledger.

    Returns:
        Number of the event, 0 if these settings are in force already; and a warning if no checkpoint was kept.

    Raises:
        Forbidden: settings are in force, and they do not list this user's key.
        SpecError: the file has problems.
        UsageError: no reason, another file than the workspace's, or settings that do not list this user's key.
    """
    from raytemplate.conducting.promoter import PromoterProcess
    from raytemplate.execution.in_force import in_force
    from raytemplate.spec.governance_file import read_governance

    found_in, path = workspace_at(workspace), Path(file)
    if path.absolute() != found_in.governance_yaml.absolute():
        raise UsageError(
            f"{path}: expected {found_in.governance_yaml}, the only file that is compared with the ledger",
            next_step=f"raytemplate ledger settings {found_in.governance_yaml}",
        )
    proposed, now = read_governance(path), in_force(found_in)
    if now.event is not None and proposed == now.settings:
        return 0, ""
    if not reason.strip():
        raise UsageError(
            "expected a reason, which the ledger keeps", next_step=f'raytemplate ledger settings {path} --reason "..."'
        )
    create(found_in)
    with PromoterProcess(found_in, None, found_in.root / "promoter.log", getpass.getuser()) as promoter:
        return promoter.change_settings(proposed, redact(reason))
