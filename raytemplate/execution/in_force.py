"""Whether `governance.yaml` is what the ledger has in force. Nothing is decided while it is not."""

from dataclasses import dataclass

from raytemplate.errors import IntegrityError, RaytemplateError, UsageError
from raytemplate.ledger.decisions import key_of, read_decision
from raytemplate.ledger.events import Event
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.keyring import Keyring
from raytemplate.ledger.opening import found_ledger
from raytemplate.ledger.outside import had_settings, remembered_in
from raytemplate.ledger.settings import differing
from raytemplate.records.governed import GovernanceSettings
from raytemplate.records.judged import Said
from raytemplate.store.workspace import Workspace

TO_CHANGE = 'raytemplate ledger settings governance.yaml --reason "..."'
TO_RESTORE = "raytemplate ledger settings > governance.yaml"


@dataclass(frozen=True, kw_only=True, slots=True)
class InForce:
    """The settings that decide, and since when."""

    settings: GovernanceSettings
    """The settings; the defaults if no event has put others in force."""

    event: Event | None
    """The event that put them in force."""


def settings_in_force(workspace: Workspace) -> GovernanceSettings:
    """The settings that whatever decides must obey.

    Raises:
        IntegrityError: `governance.yaml` is missing or says something else; the ledger is lost or was edited.
        SpecError: `governance.yaml` has problems.
    """
    ledger = _ledger(workspace)
    ring = ledger.keyring()
    if fault := _other_ledger(workspace, ledger, ring):
        raise IntegrityError(fault, next_step=ledger.restore)
    if fault := _difference(workspace, ring):
        raise IntegrityError(fault, next_step=f"{TO_CHANGE}    # or, to have the file as it was: {TO_RESTORE}")
    return ring.settings


def in_force(workspace: Workspace) -> InForce:
    """The settings that the ledger has in force, whatever `governance.yaml` says.

    Raises:
        IntegrityError: the ledger is lost, or an event that changes settings was edited.
    """
    ring = _ledger(workspace).keyring()
    return InForce(settings=ring.settings, event=ring.settings_by)


def told_difference(workspace: Workspace) -> str:
    """What a person who only looks is told if `governance.yaml` is not what is in force, or has problems; else ""."""
    if not workspace.root.exists() and not workspace.governance_yaml.exists():
        return ""
    try:
        ledger = _ledger(workspace)
        ring = ledger.newest()[1]
        other, fault = _other_ledger(workspace, ledger, ring), _difference(workspace, ring)
    except IntegrityError:
        return ""  # told by whatever looks at the ledger
    except RaytemplateError as error:
        return error.what
    if other:
        return f"{other}; until that is settled nothing is decided:\n  {ledger.restore}"
    return f"{fault}; until that is settled nothing is decided:\n  {TO_CHANGE}" if fault else ""


def refuse_lock_out(settings: GovernanceSettings, said: Said) -> None:
    """Refuse settings that the person who makes them could not change again.

    Raises:
        UsageError: the person's key is not listed.
    """
    key = key_of(said)
    if settings.people and key.id not in settings.people:
        name = read_decision(said).name
        raise UsageError(
            f"keys.people does not list {key.id}, the key of {name}, who signs this: a mistyped list could then never "
            "be corrected",
            next_step="add it; raytemplate identity show    # a person who is listed can remove it later",
        )


def _ledger(workspace: Workspace) -> Ledger:
    """The ledger, without reading what runs name: whatever decides or looks does that, too."""
    return found_ledger(workspace, ())


def _difference(workspace: Workspace, ring: Keyring) -> str:
    """How `governance.yaml` is not what is in force, in words; "" if it is.

    Raises:
        SpecError: it has problems.
    """
    path, since = workspace.governance_yaml, ring.settings_by
    if not path.exists() and since is not None:
        return f"{path}: missing, though event {since.seq} of the ledger put settings in force"
    if not path.exists():
        return ""
    from raytemplate.spec.governance_file import read_governance

    fields = differing(read_governance(path), ring.settings)
    if not fields:
        return ""
    by = f"event {since.seq} put in force" if since else "is in force: no event has changed the settings"
    return f"{path}: not what {by}; {', '.join(fields)} {'differs' if len(fields) == 1 else 'differ'}"


def _other_ledger(workspace: Workspace, ledger: Ledger, ring: Keyring) -> str:
    """What is wrong if settings were in force in a ledger that was here, and it is not the open one, or has none now;
    "" if nothing is. The file is not asked: it may say `mode: solo`, or name another database."""
    for at in (workspace.governance_db, ledger.database):
        was = had_settings(at)
        if not was or (was == ring.ledger and ring.settings_by is not None):
            continue
        if was == ring.ledger:
            now = f"{ledger.where} is a copy from before: put them in force again, or restore a newer copy"
        elif not (ring.ledger or workspace.governance_yaml.exists()):
            now = f"it and {workspace.governance_yaml} are gone: restore both from a backup"
        else:
            now = f"{ledger.where} is {f'ledger {ring.ledger}' if ring.ledger else 'a new one'}: restore what was here"
        anew = f"; if another ledger takes its place, remove {remembered_in(at)}" if was != ring.ledger else ""
        return f"ledger {was} was here, with settings in force, and {now}{anew}"
    return ""
