"""Which submissions are the same run: a plan sent twice with one key is one job."""

import hashlib

from raytemplate.errors import IntegrityError, PlanError, UsageError
from raytemplate.execution.journal import Journal, journals
from raytemplate.planning.stages import RunPlan
from raytemplate.records.run import RunStart
from raytemplate.records.submitted import SubmittedJob
from raytemplate.store.workspace import Workspace


def submission_id(plan: RunPlan, run_id: str, key: str) -> str:
    """The job's id: with a key, the same for the same plan wherever it is sent from; without one, the run's own."""
    if not key:
        return f"raytemplate-{run_id}"
    return f"raytemplate-{hashlib.sha256(f'{key} {plan.name} {plan.id}'.encode()).hexdigest()[:16]}"


def sent_before(plan: RunPlan, workspace: Workspace, key: str) -> Journal | None:
    """This workspace's run that was sent with the key, if there is one.

    Raises:
        UsageError: the key was used for another plan.
    """
    if not key:
        return None
    for journal in journals(workspace):
        try:
            job, start = journal.read(SubmittedJob), journal.read(RunStart)
        except IntegrityError:
            continue  # damaged; `runs` names it
        if job is None or start is None or job.key != key:
            continue
        if (start.name, start.plan_id) != (plan.name, plan.id):
            raise UsageError(
                f"--key {key}: already used by run {journal.run_id}, whose plan is {start.plan_id}, not {plan.id}",
                next_step="choose another key",
            )
        return journal
    return None


def storage_of(plan: RunPlan) -> str:
    """The storage folder that this machine and the cluster both see.

    Raises:
        PlanError: the template names none, or one that is not a folder.
    """
    storage = plan.promote.storage
    if not storage or "://" in storage:
        found = f"tracking.storage: got {storage}" if storage else "tracking.storage is not set"
        raise PlanError(
            f"{found}; a cluster needs a folder that it and this machine both see",
            next_step="--set tracking.storage=/a/folder/both/see",
        )
    return storage
