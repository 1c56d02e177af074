"""Keys: those of this user, and those that a workspace's ledger knows."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

from raytemplate.api.workspaces import workspace_at, workspace_to_write
from raytemplate.errors import UsageError
from raytemplate.ledger import keys
from raytemplate.redact import redact

if TYPE_CHECKING:
    from raytemplate.ledger.keyring import KnownKey
    from raytemplate.ledger.keys import LocalKey


def local_keys() -> tuple[LocalKey, ...]:
    """The keys of this user on this machine, first those in use. None are made.

    Raises:
        IntegrityError: a file is damaged, or others can read or replace it.
        UsageError: a file cannot be read by this user.
    """
    return keys.local_keys()


def new_key(*, promoter: bool = False) -> LocalKey:
    """A new key of this user, which signs from now on; the file of the one before is kept.

    Args:
        promoter: the key that signs events of ledgers, not the person's own.

    Raises:
        UsageError: the folder of the keys cannot be written.
    """
    return keys.new_key("promoter" if promoter else "identity")


def ledger_keys(*, workspace: str | None = None) -> tuple[KnownKey, ...]:
    """The keys that a workspace's ledger knows, in the order in which they were added.

    Raises:
        IntegrityError: the ledger is lost, or an event that adds or revokes a key was edited.
    """
    from raytemplate.ledger.opening import open_ledger

    return tuple(open_ledger(workspace_at(workspace)).keyring().keys.values())


def revoke_key(key: str, *, reason: str = "", workspace: str | None = None) -> tuple[KnownKey, str]:
    """Let a key sign nothing more in a workspace's ledger. What it has signed stays valid.

    Args:
        key: its id, or the unique beginning of it, six digits or more.
        reason: why, kept in the ledger.

    Returns:
        The key, and a warning if no checkpoint could be kept outside the workspace.

    Raises:
        IntegrityError: the ledger is lost or was edited.
        UsageError: there is no reason, or the ledger knows no such key, or several.
    """
    from raytemplate.conducting.promoter import PromoterProcess
    from raytemplate.ledger.opening import open_ledger
    from raytemplate.ledger.refusals import one_key

    found_in = workspace_to_write(workspace)
    known = one_key(open_ledger(found_in).keyring(), key)  # refuses a lost ledger before a process is started
    if known.revoked:
        return known, ""
    if not reason.strip():
        raise UsageError(
            "a key that is revoked stays revoked: expected a reason, which the ledger keeps",
            next_step=f'raytemplate identity revoke {known.key.id} --reason "..."',
        )
    with PromoterProcess(found_in, None, found_in.root / "promoter.log", getpass.getuser()) as promoter:
        return promoter.revoke_key(known.key.id, redact(reason))
