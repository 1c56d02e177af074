"""Sends a run to a cluster as a job: a new one, one to be sent again, or one that already exists under the same key."""

import shlex
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

from raytemplate.budget import Spent
from raytemplate.engines.ray.jobs.client import Jobs
from raytemplate.engines.ray.jobs.job_code import gather_code
from raytemplate.errors import Interrupted, RaytemplateError, Unavailable
from raytemplate.execution.begin import begin
from raytemplate.execution.handover import Handover, copy_handover, hand_out, read_handover, shared_journal, spent_on
from raytemplate.execution.interrupted import interrupted
from raytemplate.execution.journal import Journal
from raytemplate.execution.keys import submission_id
from raytemplate.planning.inventory import Champion
from raytemplate.planning.look import champion_of
from raytemplate.planning.stages import RunPlan
from raytemplate.records.submitted import SubmittedJob
from raytemplate.spec.schema import TemplateSpec
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace, new_run


def send_new(
    plan: RunPlan,
    spec: TemplateSpec | None,
    workspace: Workspace,
    *,
    address: str,
    storage: str,
    key: str,
    began: float,
) -> Journal:
    """Send a new run; if a job with the same key exists on the cluster, return that job's run instead.

    Args:
        spec: the template, to be recorded; None if there is none.
        address: the cluster's Jobs API.
        storage: folder that the cluster sees too.
        key: makes repeated submissions one run; "" if each is new.
        began: `time.monotonic()` when the clock of the budget began.
    """
    jobs = Jobs(address)
    run_id, folder = new_run(workspace)
    journal = begin(folder, plan, spec, address)
    job = SubmittedJob(
        address=address, submission_id=submission_id(plan, run_id, key), storage=storage, key=key, attempt=1
    )
    journal.write(job)
    try:
        seconds = time.monotonic() - began
        if _send(jobs, plan, journal, workspace, Spent(seconds=seconds, usd=seconds * plan.limits.usd_per_s)):
            return journal
    except (KeyboardInterrupt, Interrupted) as error:
        # The job may be on its way: keep what is needed to resume it.
        raise interrupted(error, journal, None) from error
    except RaytemplateError as error:
        if isinstance(error, Unavailable) and _may_be_there(jobs, job.submission_id):
            raise Unavailable(error.what, next_step=f"raytemplate resume {run_id}") from error
        rmtree(folder, ignore_errors=True)
        rmtree(shared_journal(Path(storage), run_id).folder, ignore_errors=True)
        raise
    state = jobs.state(job.submission_id)
    assert state is not None
    rmtree(folder, ignore_errors=True)
    rmtree(shared_journal(Path(storage), run_id).folder, ignore_errors=True)
    return _adopt(plan, spec, workspace.runs / state.run_id, job)


def _may_be_there(jobs: Jobs, submission_id: str) -> bool:
    """Whether a job may run although sending it failed: only the answer may have been lost."""
    try:
        return jobs.state(submission_id) is not None
    except RaytemplateError:
        return True


def _adopt(plan: RunPlan, spec: TemplateSpec | None, folder: Path, job: SubmittedJob) -> Journal:
    """Add the run of a job that was sent from elsewhere with the same key to this workspace."""
    if not (folder / "job.json").exists():
        folder.mkdir(exist_ok=True)
        journal = begin(folder, plan, spec, job.address)
        copy_handover(Path(job.storage), journal)
        journal.write(job)
    return Journal(folder)


def _send(jobs: Jobs, plan: RunPlan, journal: Journal, workspace: Workspace, spent: Spent) -> bool:
    """Send the journal's `SubmittedJob`; False if a job with that id was sent before."""
    job = journal.need(SubmittedJob)
    handover = Handover(champion=champion_of(plan.name, workspace), spent_s=spent.seconds, spent_usd=spent.usd)
    hand_out(Path(job.storage), journal, ContentStore(workspace.models), handover)
    entrypoint = shlex.join(["python", "-m", "raytemplate.conducting.job", job.storage, journal.run_id])
    with tempfile.TemporaryDirectory(prefix="raytemplate-") as folder:
        gather_code(Path(plan.template).absolute().parent, Path(folder))
        return jobs.send(job.submission_id, entrypoint, Path(folder), journal.run_id)


def send_again(jobs: Jobs, plan: RunPlan, journal: Journal, workspace: Workspace) -> None:
    """Send the run again if its job failed, is unknown, or compared its candidate with an earlier champion."""
    job = journal.need(SubmittedJob)
    state = jobs.state(job.submission_id)
    if state is not None and not state.ended:
        return
    if state is not None and state.status == "SUCCEEDED" and _still_of(champion_of(plan.name, workspace), journal):
        return
    number = job.attempt + 1
    first = job.submission_id.removesuffix(f"-{job.attempt}") if job.attempt > 1 else job.submission_id
    journal.write(replace(job, submission_id=f"{first}-{number}", attempt=number))
    _send(jobs, plan, journal, workspace, spent_on(journal, plan.limits.usd_per_s))


def _still_of(champion: Champion | None, journal: Journal) -> bool:
    sent = read_handover(journal).champion
    return (champion.term if champion else 0) == (sent.term if sent else 0)
