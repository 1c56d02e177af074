"""A person's decisions about models: promote a candidate, roll back to an earlier champion."""

from __future__ import annotations

import getpass
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from raytemplate.api.publish import refresh_site
from raytemplate.api.workspaces import journal_of, workspace_to_write
from raytemplate.conducting.work import Work
from raytemplate.errors import IntegrityError, Interrupted, UsageError, was_terminated
from raytemplate.execution.failure import rewrite_end
from raytemplate.execution.handover import bring_back
from raytemplate.execution.in_force import settings_in_force
from raytemplate.execution.interrupted import head_if_known, interrupted
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.execution.resuming import working_on
from raytemplate.history.runs import Run
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.run import RunEnd
from raytemplate.records.submitted import SubmittedJob
from raytemplate.redact import redact
from raytemplate.reports.lines import Lines
from raytemplate.reports.listener import Listener
from raytemplate.store.content_store import ContentStore

if TYPE_CHECKING:
    from raytemplate.ledger.head import Head, Move


def promote(ref: str | Run, *, reason: str = "", workspace: str | None = None) -> Run:
    """Judge a run's evidence again and promote its candidate: the person's approval if promotion is manual.

    A run whose candidate is still the champion is left as it is.

    Args:
        ref: a run, or its unique id prefix or "last".
        reason: why, kept in the ledger; required if a gate holds.

    Raises:
        ChampionMoved: the champion is not the one that the evidence was taken against.
        UsageError: no such run, it has not been evaluated, or a gate holds and there is no reason.
    """
    from raytemplate.conducting.promoter import PromoterProcess
    from raytemplate.conducting.stating import keep_statement
    from raytemplate.conducting.submitted import finish
    from raytemplate.execution.artifacts import write_model_card
    from raytemplate.ledger.opening import open_ledger

    found_in = workspace_to_write(workspace)
    ledger = open_ledger(found_in)
    settings_in_force(found_in)
    journal = journal_of(found_in, ref)
    locked, user = read_lock(journal).plan, getpass.getuser()
    ledger.head(locked.name)  # refuses an edited ledger before a process is started
    with working_on(journal):
        job, ended = journal.read(SubmittedJob), journal.read(RunEnd) is not None
        if job is not None and not ended and journal.read(Evaluation) is None:
            bring_back(Path(job.storage), journal, ContentStore(found_in.models))
        try:
            with PromoterProcess(found_in, None, journal.log, user) as promoter:
                promoter.promote(journal, redact(reason))
                if job is not None and not ended:
                    work = Work(
                        plan=locked, journal=journal, workspace=found_in, listener=Listener(), began=time.monotonic()
                    )
                    finish(work, journal.spent(), promoter)
                rewrite_end(journal)
                write_model_card(journal, locked)
                keep_statement(journal, found_in, Lines())
                # Last, because it may take a while: if it is interrupted, the records are already complete.
                promoter.project(journal)
        except (KeyboardInterrupt, Interrupted) as error:
            raise interrupted(error, journal, head_if_known(found_in, locked.name)) from error
    refresh_site(locked.promote.site, found_in, Lines())
    return Run(journal)


def rollback(ref: str, *, reason: str = "", workspace: str | None = None) -> tuple[Move, str]:
    """Make the previous champion, or a given version, the champion again.

    Args:
        ref: a model, such as "name", or one of its versions, such as "name/3".
        reason: why, kept in the ledger.

    Returns:
        The move, and a warning if the version has seen a revoked snapshot, MLflow's copy could not be updated or no
        checkpoint of the ledger was kept.

    Raises:
        UsageError: no such model or version, or nothing to go back to.
        IntegrityError: the bytes to go back to are not those that were promoted; nothing was moved.
        Refused: the version has seen a revoked snapshot, and another is left or it was not named with a reason.
    """
    from raytemplate.conducting.promoter import PromoterProcess
    from raytemplate.history.catalog import revoked_text
    from raytemplate.ledger.opening import open_ledger

    found_in = workspace_to_write(workspace)
    name, _, version = ref.partition("@")[0].partition("/")
    if version and not version.isdigit():
        raise UsageError(f'got "{ref}", expected a model such as name or name/3')
    number = int(version) if version else None
    ledger = open_ledger(found_in)
    settings_in_force(found_in)
    ledger.rollback_target(name, number)
    before = ledger.history(name).term
    try:
        with PromoterProcess(found_in, None, found_in.root / "promoter.log", getpass.getuser()) as promoter:
            move, of_ledger = promoter.roll_back(name, number, redact(reason))
            of_mlflow = promoter.project_model(name)
    except (KeyboardInterrupt, Interrupted) as error:
        raise _rollback_interrupted(error, name, head_if_known(found_in, name), before) from error
    made_by = Journal(found_in.runs / move.head.run_id)
    with suppress(IntegrityError):  # nobody knows which site, if the records of the champion's run are gone
        refresh_site(read_lock(made_by).plan.promote.site, found_in, Lines())
    of_snapshots = revoked_text(ledger, name, move.head.version)
    return move, "\n".join(warning for warning in (of_snapshots, of_mlflow, of_ledger) if warning)


def _rollback_interrupted(error: BaseException, name: str, head: Head | None, term_before: int) -> Interrupted:
    """The error that tells whether the head moved; the promoter has ended by now."""
    done = "nothing was moved"
    if head is not None and head.term > term_before:
        done = f"version {head.version} is the champion of {name} again; MLflow may not know it yet"
    terminated = was_terminated(error)
    how = "terminated" if terminated else "interrupted"
    return Interrupted(f"{how}: {done}", next_step=f"raytemplate show {name}", terminated=terminated)
