"""Makes a run again from its records."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from raytemplate.api.run import need_secrets, teller
from raytemplate.api.workspaces import workspace_to_write
from raytemplate.conducting.work import Work
from raytemplate.errors import DataError, IntegrityError, RaytemplateError
from raytemplate.execution.frozen import told_source
from raytemplate.execution.handover import candidate_of, shared_store
from raytemplate.execution.journal import Journal
from raytemplate.execution.kept_copy import bring_copy, refuse_without_rows
from raytemplate.execution.lock import read_lock
from raytemplate.execution.reproducing import compared, plan_again, records_again, refuse_changed, refuse_too_small
from raytemplate.execution.resuming import working_on
from raytemplate.history.registered import journal_behind
from raytemplate.history.runs import Run
from raytemplate.planning.addresses import refuse_jobs_api
from raytemplate.planning.look import this_machine
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.reproduced import Reproduction
from raytemplate.records.submitted import SubmittedJob
from raytemplate.reports.listener import Listener
from raytemplate.reports.reproduced import reproduced_text
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace

if TYPE_CHECKING:
    from raytemplate.planning.stages import RunPlan

TOLERANCE = 0.01
"""Share of a metric's recorded value by which it may differ, unless the weights must be equal bit for bit."""


@dataclass(frozen=True, slots=True)
class Reproduced:
    """What came of making a run again; prints as `raytemplate reproduce` does."""

    record: Reproduction
    """The comparison; also kept in the run's folder."""

    @property
    def succeeded(self) -> bool:
        """Whether the run could be made again."""
        return self.record.succeeded

    def __str__(self) -> str:
        return reproduced_text(self.record)

    def __repr__(self) -> str:
        told = "made again" if self.succeeded else "not made again"
        return f"<run {self.record.run_id}: {told}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def reproduce(
    ref: str | Run,
    *,
    tolerance: float = TOLERANCE,
    address: str | None = None,
    workspace: str | None = None,
    listener: Listener | None = None,
    quiet: bool = False,
    began: float | None = None,
    own_process: bool = False,
) -> Reproduced:
    """Train a run again from its records alone, and compare: weights bit for bit if they must be equal, and metrics.

    Nothing is judged or registered. A sweep is not repeated; its winner is trained again. It may take up to twice the
    run's budget. The other arguments are those of `run`.

    Args:
        ref: a run, its unique id prefix or "last"; or a registered model, for the run that made it.
        tolerance: share of its recorded value by which a metric may differ.
        address: a running Ray to train on, "auto" or "host:port"; default: one started for this.

    Raises:
        UsageError: no such run or model, it has left no candidate, or it is being made again by another process.
        IntegrityError: data, code, packages or the stored model are no longer those of the run, or the copy of the rows
            of a query is gone; names what changed.
        PlanError: this machine has no room for the run's workers.
    """
    began = time.monotonic() if began is None else began
    found_in = workspace_to_write(workspace)
    journal = journal_behind(ref if isinstance(ref, str) else ref.id, found_in, "reproduce")
    lock = read_lock(journal)
    if address:
        refuse_jobs_api(address, f"raytemplate reproduce {journal.run_id}")
    source = Journal(journal.folder, also=candidate_of(journal).folder)
    plan = plan_again(lock.plan, source)
    store = _store_of(source, found_in)
    store.open(source.need(FitResult).candidate.digest)
    refuse_changed(journal, lock)
    need_secrets(plan, found_in, reads=not address)
    if not address:
        refuse_too_small(journal, plan.fit, this_machine())
    _bring_rows(journal, source.need(Snapshot))
    listener = listener or teller(quiet)
    for line in told_source(plan, source.need(Snapshot), found_in.runs):
        listener.note(line)
    folder = found_in.again / journal.run_id
    folder.mkdir(parents=True, exist_ok=True)
    with working_on(Journal(folder)):
        _empty(folder)
        again = records_again(source, folder, store, address=address or "", sweep=plan.sweep is not None)
        _train(plan, again, found_in, listener, began, own_process)
        found = compared(source, again, lock, tolerance=tolerance, seconds=time.monotonic() - began)
        journal.add_reproduction(found)
    shutil.rmtree(folder, ignore_errors=True)
    return Reproduced(found)


def _store_of(journal: Journal, workspace: Workspace) -> ContentStore:
    """The store that holds the run's candidate: the workspace's, or the cluster's if it was never brought back."""
    here, job = ContentStore(workspace.models), journal.read(SubmittedJob)
    fit = journal.need(FitResult)
    return here if job is None or here.path(fit.candidate.digest).is_dir() else shared_store(Path(job.storage))


def _bring_rows(journal: Journal, snapshot: Snapshot) -> None:
    """The copy of the run's rows, if it kept one, from the cluster's storage if it was never brought back."""
    job = journal.read(SubmittedJob)
    if job is not None:
        bring_copy(Path(job.storage), journal, snapshot)
    refuse_without_rows(journal, snapshot)


def _empty(folder: Path) -> None:
    """Remove what an earlier attempt has left; the lock stays."""
    for left in folder.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        elif left.name != Journal(folder).active.name:
            left.unlink()


def _train(
    plan: RunPlan, again: Journal, workspace: Workspace, listener: Listener, began: float, own_process: bool
) -> None:
    from raytemplate.conducting.conduct import conduct

    work = Work(
        plan=plan,
        journal=again,
        workspace=workspace,
        listener=listener,
        began=began,
        own_process=own_process,
        judged=False,
    )
    again_command = f"raytemplate reproduce {again.run_id}"
    try:
        conduct(work)
    except (DataError, IntegrityError) as error:  # the data is not what the run has read
        shutil.rmtree(again.folder, ignore_errors=True)
        raise IntegrityError(error.what, next_step=f"put the data back, then: {again_command}") from error
    except RaytemplateError as error:
        error.next_step = again_command
        error.add_note(f"run {again.run_id} was not made again; what this attempt has left: {again.folder}")
        raise
