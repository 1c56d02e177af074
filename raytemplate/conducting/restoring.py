"""`ledger restore`: what a person's process finds out and signs, and what the promoter's process then does."""

from dataclasses import replace
from pathlib import Path

from raytemplate.errors import Forbidden, IntegrityError
from raytemplate.history.checkpointed import keep_checkpoint, newest_elsewhere
from raytemplate.ledger import keys
from raytemplate.ledger.bodies import content_of
from raytemplate.ledger.decisions import Decision, check_decision, new_nonce, said
from raytemplate.ledger.head import utc_now
from raytemplate.ledger.opening import found_ledger, versions_named
from raytemplate.ledger.outside import begin_anew
from raytemplate.ledger.restoring import Found, compare_copy, kept_beside, missing_files, read_copy, set_records_aside
from raytemplate.records.judged import Actor
from raytemplate.records.mended import Restoration
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace


def found_in(file: Path, workspace: Workspace) -> Found:
    """A verified copy, and what would be lost if it took the place of the workspace's ledger.

    Raises:
        IntegrityError: see `ledger.restoring`.
        UsageError: the file cannot be read.
    """
    copy = read_copy(file)
    elsewhere, silent = newest_elsewhere(copy, workspace.folder)
    found = compare_copy(copy, found_ledger(workspace, ()), versions_named(workspace), elsewhere)
    return replace(found, not_compared=silent)


def signed(found: Found, name: str, reason: str) -> Actor:
    """The person, who has signed what is lost; just the person if nothing is.

    Raises:
        IntegrityError, UsageError: see `ledger.keys.signer`.
    """
    plain = Actor(name=name, reason=reason)
    if not found.lost:
        return plain
    body = found.decision(plain)
    decision = Decision(
        action=body.type,
        ledger=found.chain.ring.ledger,
        model="",
        run_id="",
        version=0,
        digest="",
        term=0,
        name=name,
        reason=reason,
        at=utc_now(),
        nonce=new_nonce(),
        content=content_of(body),
    )
    return Actor(name=name, reason=reason, said=said(decision, keys.signer("identity")))


def restore(file: Path, workspace: Workspace, actor: Actor) -> Restoration:
    """Put a copy in place of the workspace's ledger, in the promoter's process. Can be repeated, and completes what was
    killed in the middle.

    Raises:
        Forbidden: the settings in the copy do not list the promoter's key.
        IntegrityError: see `found_in`; or it is older than what is known, and the person has not signed what is lost.
    """
    found, ledger, named = found_in(file, workspace), found_ledger(workspace, ()), versions_named(workspace)
    if refusal := found.chain.ring.unlisted(ledger.signer().key, "promoter"):
        raise Forbidden(refusal, next_step=f"raytemplate ledger restore {file}    # where a listed key is")
    then = found.decision(actor) if found.lost else None
    if then is not None:
        check_decision(actor, action=then.type, model="", ledger=found.chain.ring.ledger, content=content_of(then))
    kept = kept_beside(ledger.path, ledger.clock())
    if not found.is_there:
        ledger.put_in_place(found.chain.events, kept, then)
    runs = set_records_aside(ledger, named)
    ring = ledger.keyring()
    if ring.ledger:
        begin_anew(ledger, suffix=kept.name.removeprefix(ledger.path.name))
    # A key that the ledger does not know could sign no checkpoint that `ledger verify` accepts.
    known = ledger.signer().key.id in ring.keys
    silent = [f"not compared with {each}" for each in found.not_compared]
    kept_none = keep_checkpoint(ledger, workspace) if known else ""
    return Restoration(
        num_events=len(found.chain.events),
        models=ledger.models(),
        was_there=found.is_there,
        checkpoint=found.checkpoint,
        kept=str(kept) if kept.exists() else "",
        lost=found.lost,
        set_aside=runs,
        missing=missing_files(ledger, ContentStore(workspace.models)),
        warning="; ".join(filter(None, [*silent, kept_none])),
    )


def refuse_older(found: Found, file: Path) -> None:
    """Refuse a copy without what is known to have been in the ledger.

    Raises:
        IntegrityError: says what would be lost.
    """
    if found.lost:
        raise IntegrityError(
            f"{file}: an older copy, of {len(found.chain.events)} events; it lacks {'; '.join(found.lost)}",
            next_step=f'a newer copy; if there is none: raytemplate ledger restore {file} --older --reason "..."',
        )
