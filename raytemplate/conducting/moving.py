"""Moves a run to another address, because its head is gone or the work should be done elsewhere."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shlex import quote

from raytemplate.engines.ray.jobs.client import Jobs
from raytemplate.errors import PlanError, RaytemplateError, Unavailable, UsageError
from raytemplate.execution.handover import shared_journal
from raytemplate.execution.journal import Journal
from raytemplate.planning.addresses import is_jobs_api, refuse_other_than_jobs_api
from raytemplate.planning.inventory import Cluster
from raytemplate.planning.packing import check_fits
from raytemplate.planning.stages import RunPlan
from raytemplate.records.run import RunStart
from raytemplate.records.submitted import SubmittedJob
from raytemplate.spec.schema import PerWorkerSpec

_BEATS_S = 2.0
"""Seconds to watch for signs of life: a process that works on a run gives one twice a second."""


def move(journal: Journal, plan: RunPlan, address: str, cluster: Callable[[str], Cluster]) -> None:
    """Do the run's work at `address` from now on; its earlier addresses stay in its record.

    A submitted run moves to another cluster's Jobs API; a run driven from this machine moves to another Ray. Whether
    the nodes there see the run's folder is checked on each of them before anything is read.

    Args:
        cluster: returns the nodes at an address.

    Raises:
        UsageError: the address is of the other kind, or a job may still work on the run at the old address.
        PlanError: the run does not fit there.
        Unavailable: nothing answers at the new address.
    """
    job, start = journal.read(SubmittedJob), journal.need(RunStart)
    _refuse_other_kind(journal, address, submitted=job is not None)
    if address == (job.address if job else start.address):
        return
    if job is not None:
        _refuse_if_somebody_works(journal, job)
    _refuse_too_small(plan, cluster(address))
    if job is not None:
        journal.write(replace(job, address=address))
    journal.write(replace(start, address=address, moved_from=(*start.moved_from, start.address)))


def _refuse_other_kind(journal: Journal, address: str, *, submitted: bool) -> None:
    if submitted:
        refuse_other_than_jobs_api(address)
    elif "://" in address:
        kind = "submitted" if is_jobs_api(address) else "sent there"
        raise UsageError(
            f"--address {address}: run {journal.run_id} was not {kind}, it is driven from here: expected auto or "
            "host:port",
            next_step=f"raytemplate resume {journal.run_id} --address HOST:PORT",
        )


def _refuse_too_small(plan: RunPlan, cluster: Cluster) -> None:
    """Refuse a cluster with fewer resources than planned, on which the run would wait forever."""
    stage, workers = plan.fit, plan.fit.workers
    if plan.sweep is not None:
        stage, workers = plan.sweep.arms[0], plan.sweep.workers * plan.sweep.slots
    memory = f"{stage.memory_per_worker} B" if stage.memory_per_worker else None
    worker = PerWorkerSpec.model_validate(
        {
            "cpus": stage.cpus_per_worker,
            "gpus": stage.gpus_per_worker,
            "memory": memory,
            "accelerator": stage.accelerator,
        }
    )
    try:
        check_fits(cluster, worker, workers, stream=plan.ingest.mode == "stream")
    except PlanError as error:
        there = f"raytemplate plan {quote(plan.template)} --address {cluster.address}"
        raise PlanError(error.what, next_step=f"another --address, or a new run there: {there}") from error


def _refuse_if_somebody_works(journal: Journal, job: SubmittedJob) -> None:
    """Refuse to move a run while its job may still work on it: two jobs would corrupt its records."""
    try:
        state = Jobs(job.address).state(job.submission_id)
        works = state is not None and not state.ended
    except Unavailable:
        # The cluster has gone, or only the connection to it: a job that still works gives signs of life in storage.
        works = _beats(shared_journal(Path(job.storage), journal.run_id))
    except RaytemplateError:
        works = True
    if works:
        raise UsageError(
            f"run {journal.run_id}: its job still works at {job.address}; it was not moved",
            next_step=f"raytemplate stop {journal.run_id}, then the same again",
        )


def _beats(shared: Journal) -> bool:
    """Whether the amount spent on the run still grows."""
    before = shared.spent()
    time.sleep(_BEATS_S)
    return shared.spent() != before
