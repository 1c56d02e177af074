"""Begins, resumes, submits and stops runs."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING

from raytemplate.api.publish import site_after
from raytemplate.api.workspaces import journal_of, workspace_at, workspace_to_write
from raytemplate.conducting.exporting import exported
from raytemplate.conducting.work import Work
from raytemplate.data.masking import masker_of
from raytemplate.errors import Interrupted, UsageError
from raytemplate.execution.begin import begin
from raytemplate.execution.in_force import settings_in_force
from raytemplate.execution.interrupted import head_if_known, interrupted
from raytemplate.execution.journal import Journal, journals
from raytemplate.execution.lock import read_lock
from raytemplate.execution.requests import is_team
from raytemplate.execution.resuming import is_unfinished, refuse_spent_run, to_put_aside, working_on
from raytemplate.execution.run_log import logged
from raytemplate.history.runs import Run
from raytemplate.ledger import keys
from raytemplate.planning.addresses import refuse_jobs_api, refuse_other_than_jobs_api
from raytemplate.planning.look import champion_of
from raytemplate.planning.stages import RunPlan
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.records.submitted import SubmittedJob
from raytemplate.reports.lines import Lines
from raytemplate.reports.listener import Listener
from raytemplate.secret import resolve
from raytemplate.store.workspace import Workspace, create, new_run

if TYPE_CHECKING:
    from raytemplate.api.plan import Planned


def run(
    planned: Planned,
    *,
    listener: Listener | None = None,
    quiet: bool = False,
    began: float | None = None,
    own_process: bool = False,
) -> Run:
    """Execute a plan as a new run with its own budget; blocks until the run ends.

    Args:
        listener: is told about stages and epochs; default: prints lines on stderr or below the notebook's cell.
        quiet: whether to print nothing, if no listener is given.
        began: `time.monotonic()` when the budget's clock began; default: now.
        own_process: whether this process serves only the run. If so, it ends itself or is killed when it outlasts the
            budget by two seconds. If not, it is never killed: the project's own code is trained in another process,
            which may be, and all other work is interrupted as by Ctrl-C.

    Raises:
        UsageError: `planned` is no plan.
        RaytemplateError: how the run failed. A rejected or held candidate is a result, not an error.
    """
    from raytemplate.api.plan import Planned

    if not isinstance(planned, Planned):  # pyright: ignore[reportUnnecessaryIsInstance]  a notebook is not checked
        raise UsageError(
            f"run: got a {type(planned).__name__}, expected what plan returns", next_step="run(plan(TEMPLATE, AS_OF))"
        )
    began = time.monotonic() if began is None else began
    refuse_jobs_api(planned.address, f"raytemplate submit {quote(planned.plan.template)} --address {planned.address}")
    need_secrets(planned.plan, planned.workspace, reads=not planned.address)
    champion_of(planned.plan.name, planned.workspace)  # finds a lost or edited ledger before training
    settings_in_force(planned.workspace)
    create(planned.workspace)
    _, folder = new_run(planned.workspace)
    with working_on(Journal(folder)):
        journal = begin(folder, planned.plan, planned.spec, planned.address)
        _carry_out(
            Work(
                plan=planned.plan,
                journal=journal,
                workspace=planned.workspace,
                listener=listener or teller(quiet),
                began=began,
                own_process=own_process,
            )
        )
    return Run(journal)


def resume(
    ref: str | Run,
    *,
    address: str | None = None,
    workspace: str | None = None,
    listener: Listener | None = None,
    quiet: bool = False,
    began: float | None = None,
    own_process: bool = False,
    reuse: bool = True,
) -> Run:
    """Resume a run at the first door it has not passed, with what is left of its budget.

    A run that has ended is judged again if the champion has moved since; otherwise it is left as it is.
    The other arguments are those of `run`.

    Args:
        ref: a run, or its unique id prefix or "last".
        address: a different Ray from the one it began on: a Jobs API for a submitted run, otherwise "auto" or
            "host:port". Its nodes must see the run's files under the same paths.
        reuse: whether rows that a run has read and encoded may be used again, if the run was planned so.

    Raises:
        BudgetSpent: nothing is left of the budget or of the time reserved for judging; nothing was started.
        UsageError: no such run, another process is working on it, or the address does not suit it.
    """
    from raytemplate.ledger.opening import open_ledger

    began = time.monotonic() if began is None else began
    found_in = workspace_to_write(workspace)
    journal = journal_of(found_in, ref)
    locked, ledger = read_lock(journal).plan, open_ledger(found_in)
    locked = locked if reuse else replace(locked, reuse=None)
    ledger.head(locked.name)
    settings_in_force(found_in)
    need_secrets(locked, found_in, reads=False)  # if rows are read again, the task that reads them reports it
    with working_on(journal):
        put_aside = to_put_aside(journal, locked, ledger)
        if put_aside is None:
            _tell_mlflow(locked, journal, found_in)
            return Run(journal)
        refuse_spent_run(journal, locked, began)
        if address:
            from raytemplate.conducting.moving import move
            from raytemplate.engines.ray.jobs.client import nodes_at

            move(journal, locked, address, nodes_at)
        for kind in put_aside:
            journal.supersede(kind)
        _carry_out(
            Work(
                plan=locked,
                journal=journal,
                workspace=found_in,
                listener=listener or teller(quiet),
                began=began,
                own_process=own_process,
                again=True,
            )
        )
    return Run(journal)


def _tell_mlflow(plan_: RunPlan, journal: Journal, workspace: Workspace) -> None:
    """Update MLflow's copy of a promotion, if the process that promoted did not get to it. A team's promoter does."""
    if is_team(workspace):
        return
    promotion = journal.read(PromotionRecord)
    if promotion is not None and promotion.outcome == "promoted" and not promotion.projected:
        from raytemplate.engines.mlflow.mirror import Mirror
        from raytemplate.history.reported import report_of

        mirror = Mirror(workspace, plan_.promote.tracking_uri)
        if mirror.bring_in_line(plan_, journal):
            mirror.add_documents(journal, report_of(Run(journal), workspace))


def need_secrets(plan_: RunPlan, workspace: Workspace, *, reads: bool) -> None:
    """Report a missing secret, or a key that cannot be used, now rather than after training. Of a team, only the
    promoter has MLflow's secret and the promoter's key.

    Args:
        reads: whether this machine reads the data; the key that values are hashed with must then be here.
    """
    if is_team(workspace):
        keys.check("identity")
    else:
        resolve(plan_.promote.tracking_uri, "tracking.uri", os.environ)
        keys.check("promoter")
    if reads and plan_.ingest.mask is not None:
        masker_of(plan_.ingest.mask)


def unfinished(planned: Planned) -> Journal | None:
    """The newest run of the same plan that has not ended and that no process is working on."""
    found = [journal for journal in journals(planned.workspace) if is_unfinished(journal, planned.plan)]
    return max(found, key=lambda j: j.need(RunStart).started, default=None)


def submit(
    planned: Planned,
    *,
    key: str = "",
    detach: bool = False,
    listener: Listener | None = None,
    quiet: bool = False,
    began: float | None = None,
    own_process: bool = False,
) -> Run:
    """Execute a plan on the cluster whose Jobs API is at `planned.address`; judge and promote here.

    Args:
        key: makes the same plan sent twice one job and one run.
        detach: return once the job is sent; `resume` then follows and judges it.
        listener, quiet, began, own_process: see `run`.

    Raises:
        PlanError: there is no storage that both this machine and the cluster see.
        RaytemplateError: how the run failed, as in `run`.
    """
    from raytemplate.conducting.sending import send_new
    from raytemplate.execution.keys import sent_before, storage_of

    began = time.monotonic() if began is None else began
    refuse_other_than_jobs_api(planned.address)
    storage = storage_of(planned.plan)
    need_secrets(planned.plan, planned.workspace, reads=False)
    champion_of(planned.plan.name, planned.workspace)
    settings_in_force(planned.workspace)
    create(planned.workspace)
    journal = sent_before(planned.plan, planned.workspace, key) or send_new(
        planned.plan, planned.spec, planned.workspace, address=planned.address, storage=storage, key=key, began=began
    )
    end = journal.read(RunEnd)
    if end is not None and end.state == "failed" and not detach:
        raise UsageError(
            f"run {journal.run_id}, sent with this key, has failed: {end.message}",
            next_step=f"raytemplate resume {journal.run_id}",
        )
    if detach or end is not None:
        return Run(journal)
    with working_on(journal):
        _carry_out(
            Work(
                plan=planned.plan,
                journal=journal,
                workspace=planned.workspace,
                listener=listener or teller(quiet),
                began=began,
                own_process=own_process,
            )
        )
    return Run(journal)


def teller(quiet: bool) -> Listener:
    """What shows progress if the caller gives no listener."""
    return Listener() if quiet else Lines()


def _carry_out(work: Work) -> None:
    """Do the work in this process or, if the run was submitted, follow its job; logs how that ended.

    Raises:
        Interrupted: by Ctrl-C or a signal; tells what is safe.
        RaytemplateError: how the run failed; recorded as the run's end.
    """
    with (
        logged(work.journal, work.listener) as heard,
        exported(work.plan.promote.openlineage, work.journal, heard),
        site_after(work.plan.promote.site, work.workspace, heard),
    ):
        work = replace(work, listener=heard)
        try:
            # Inside the try, because importing takes long enough to be interrupted.
            if work.journal.read(SubmittedJob) is None:
                from raytemplate.conducting.conduct import conduct

                conduct(work)
            else:
                from raytemplate.conducting.submitted import conduct_submitted

                conduct_submitted(work)
        except (KeyboardInterrupt, Interrupted) as error:
            head = head_if_known(work.workspace, work.plan.name)
            raise interrupted(error, work.journal, head) from error


def stop(ref: str | Run, *, workspace: str | None = None) -> Run:
    """End the job of a submitted run; what it has trained is kept.

    Raises:
        UsageError: the run was not submitted.
    """
    from raytemplate.conducting.submitted import stop_job

    journal = journal_of(workspace_at(workspace), ref)
    stop_job(journal)
    return Run(journal)
