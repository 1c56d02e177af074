"""The doors that put back what should be: MLflow's copy after the ledger, and the ledger after a copy of it."""

from __future__ import annotations

import getpass
from pathlib import Path

from raytemplate.api.workspaces import workspace_at, workspace_to_write
from raytemplate.errors import UsageError
from raytemplate.records.mended import Mended, Restoration
from raytemplate.redact import redact
from raytemplate.store.workspace import create


def repair_ledger(model: str = "", *, workspace: str | None = None) -> tuple[Mended, ...]:
    """Bring MLflow's copy of every model, or of one, in line with the ledger: aliases, versions, their files and tags,
    and runs that MLflow was not told of. The ledger is not changed.

    Args:
        model: its name; "" for all.

    Returns:
        One for each model.

    Raises:
        UsageError: no such model.
        Forbidden: in team mode, for anybody but its promoter.
        IntegrityError: the ledger is lost or was edited.
    """
    from raytemplate.conducting.answering import refuse_to_mend
    from raytemplate.conducting.promoter import PromoterProcess
    from raytemplate.ledger.opening import open_ledger
    from raytemplate.ledger.refusals import no_such

    found_in = workspace_to_write(workspace)
    ledger = open_ledger(found_in)
    known = ledger.models()
    if model and model not in known:
        raise no_such(model, known)
    asked = [name for name in known if name == (model or name)]
    for name in asked:
        ledger.history(name)  # refuses an edited ledger before a process is started
    if not asked:
        return ()
    refuse_to_mend(found_in)
    with PromoterProcess(found_in, None, found_in.root / "promoter.log", getpass.getuser(), mends=True) as promoter:
        mended: list[Mended] = []
        for name in asked:
            mended.append(promoter.repair(name))
            if mended[-1].unavailable:  # would wait as long for each of the others
                break
    return tuple(mended)


def restore_ledger(
    file: str | Path, *, older: bool = False, reason: str = "", workspace: str | None = None
) -> Restoration:
    """Put a copy of `governance.db`, or an export of it, in place of the ledger. The file that was there is kept.

    Args:
        older: restore it even though it lacks what is known to have been in the ledger: that is lost, and the ledger
            says so from then on.
        reason: why an older one is restored; the ledger keeps it.

    Raises:
        Forbidden: in team mode, for anybody but its promoter.
        IntegrityError: something is wrong with the copy, it is of another ledger, or it is an older one.
        UsageError: it cannot be read, or an older one is to be restored without a reason.
    """
    from raytemplate.conducting.answering import refuse_to_mend
    from raytemplate.conducting.promoter import PromoterProcess
    from raytemplate.conducting.restoring import found_in, refuse_older

    if older and not reason:
        again = f'raytemplate ledger restore {file} --older --reason "..."'
        raise UsageError("--older: expected a reason, which the ledger keeps", next_step=again)
    there, path = workspace_at(workspace), Path(file)
    found = found_in(path, there)
    if not older:
        refuse_older(found, path)
    refuse_to_mend(there)
    create(there)
    with PromoterProcess(there, None, there.root / "promoter.log", getpass.getuser(), mends=True) as promoter:
        return promoter.restore(path, found, redact(reason))
