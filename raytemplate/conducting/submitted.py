"""A submitted run as its command sees it: follows the job, brings back its records, and judges them."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from raytemplate.budget import Meter, Spent
from raytemplate.conducting.job import ERROR_MARK
from raytemplate.conducting.promoter import PromoterProcess
from raytemplate.conducting.sending import send_again
from raytemplate.conducting.stating import keep_statement
from raytemplate.conducting.work import Work
from raytemplate.engines.mlflow.flavor import package
from raytemplate.engines.ray.jobs.client import Jobs, JobState
from raytemplate.errors import (
    BudgetSpent,
    ChampionMoved,
    EngineError,
    IntegrityError,
    Interrupted,
    RaytemplateError,
    Unavailable,
    UsageError,
    from_words,
)
from raytemplate.execution.execute import Execution
from raytemplate.execution.failure import failed
from raytemplate.execution.handover import bring_back, bring_records, shared_journal, spent_on
from raytemplate.execution.in_turn import MOST_AGAIN, supersede_evidence, turn_of
from raytemplate.execution.journal import Journal
from raytemplate.execution.ports import Promoter
from raytemplate.execution.time_left import left_s, too_late
from raytemplate.execution.told_data import profile_of, statistics_of, told_data
from raytemplate.execution.watch import Watch
from raytemplate.planning.addresses import JOBS_EXAMPLE
from raytemplate.planning.look import champion_of
from raytemplate.planning.stages import RunPlan
from raytemplate.records.ingested import Snapshot
from raytemplate.records.run import RunEnd
from raytemplate.records.submitted import ClusterWork, SubmittedJob
from raytemplate.reports.listener import Listener
from raytemplate.store.content_store import ContentStore

_POLL_S = 0.5
_SILENCE_LIMIT_S = 60.0
_STOP_LIMIT_S = 30.0
_RECORD_S = 3.0
_LATE_S, _STOP_LATE_S = 1.5, 0.3
"""Seconds after the end of its time at which a job that has begun is stopped by the command, and seconds that the
command then waits for it; normally such a job ends by itself. A job that waits in its cluster's queue cannot, and is
stopped as soon as the time is over."""


def conduct_submitted(work: Work) -> None:
    """Follow the job to its end, then judge what it handed back.

    If the run is resumed, a job that failed, or compared its candidate with an earlier champion, is sent again.

    Raises:
        KeyboardInterrupt, Interrupted: passed on; the job was stopped.
        RaytemplateError: the job failed, or judging its results here did; recorded as the run's end.
    """
    plan, journal = work.plan, work.journal
    try:
        jobs = Jobs(journal.need(SubmittedJob).address)
    except Unavailable as error:
        raise _not_heard_of(error, journal) from error
    spent = journal.spent()
    meter = plan.limits.meter(spent, work.began)
    if work.again:
        send_again(jobs, plan, journal, work.workspace)
    # Started now so that the promoter is ready when the job ends: its imports take seconds that no budget reserves.
    with (
        journal.attempt(meter),
        PromoterProcess(
            work.workspace,
            plan.promote.tracking_uri,
            journal.log,
            getpass.getuser(),
            searched=plan.sweep is not None,
        ) as promoter,
    ):
        work.listener.started(plan, journal.run_id)
        try:
            _follow_and_judge(jobs, work, meter, promoter)
        except Interrupted:
            raise
        except Exception as error:  # recorded, and raised again
            # The cluster's account of costs includes what this process held meanwhile, so the meter's part is removed.
            usd = spent_on(journal, plan.limits.usd_per_s).usd
            meter.earlier = Spent(seconds=spent.seconds, usd=usd - meter.here().usd)
            told = failed(journal, plan, meter, error)
            if told is error:
                raise
            raise told from error


def _follow_and_judge(jobs: Jobs, work: Work, meter: Meter, promoter: Promoter) -> None:
    for left in reversed(range(MOST_AGAIN + 1)):
        work.listener.note(f"job {work.journal.need(SubmittedJob).submission_id} at {jobs.address}")
        _follow_to_end(jobs, work, meter)
        try:
            finish(work, meter.earlier, promoter)
            return
        except ChampionMoved as error:
            if not left or left_s(work.journal, meter) <= 0:
                raise
            work.listener.note(f"{error.what}: it is evaluated again, against that")
        supersede_evidence(work.journal)
        send_again(jobs, work.plan, work.journal, work.workspace)


def _follow_to_end(jobs: Jobs, work: Work, meter: Meter) -> None:
    plan, journal = work.plan, work.journal
    try:
        spent = partial(spent_on, journal, plan.limits.usd_per_s)
        watch = Watch(plan, work.listener, spent, partial(_about_data, work))
        _follow(jobs, journal, watch, work.listener, _Lateness(plan, journal, meter))
    except (KeyboardInterrupt, Interrupted):
        stop(jobs, journal)
        raise


def _about_data(work: Work, snapshot: Snapshot, shared: Journal) -> Iterator[str]:
    """What is told about the data here, because the cluster does not know the champion's run."""
    try:
        champion = champion_of(work.plan.name, work.workspace)
    except IntegrityError:  # reported when the candidate is judged
        champion = None
    return told_data(work.plan, snapshot, statistics_of(shared), profile_of(shared), champion, work.workspace.runs)


def finish(work: Work, spent: Spent, promoter: Promoter) -> None:
    """Bring back what the cluster left, judge it here unless that is done, and record the end.

    Args:
        spent: time and money spent before this process.

    Raises:
        ChampionMoved: the cluster compared with a model that is no longer the champion; it must evaluate again.
        EngineError: the evaluation does not exist yet.
    """
    plan, journal, workspace = work.plan, work.journal, work.workspace
    store = ContentStore(workspace.models)
    if not bring_back(Path(journal.need(SubmittedJob).storage), journal, store):
        raise EngineError(
            "submit",
            f"run {journal.run_id} has not been evaluated yet",
            next_step=f"raytemplate resume {journal.run_id}",
        )
    meter = plan.limits.meter(_before(plan, journal.need(ClusterWork), work.began, spent), work.began)
    Execution(
        plan=plan,
        journal=journal,
        engine=NoEngine(),
        promoter=promoter,
        store=store,
        meter=meter,
        listener=work.listener,
        champion_now=lambda: champion_of(plan.name, workspace),
        package=package,
        turn=turn_of(workspace, plan.name),
        most_again=0,
    ).run()
    keep_statement(journal, workspace, work.listener)


def _before(plan: RunPlan, work: ClusterWork, began: float, spent: Spent) -> Spent:
    """Time and money spent before this process. Its own clock includes the cluster's time if it waited for the job."""
    waited = spent.seconds + time.monotonic() - began >= work.elapsed_s
    seconds = spent.seconds if waited else max(spent.seconds, work.elapsed_s)
    # This process's meter adds the cost of what is always held; the cluster has recorded the cost of everything else.
    return Spent(seconds=seconds, usd=work.spent_usd + plan.limits.usd_per_s * (seconds - work.elapsed_s))


class NoEngine:
    """The engine for a run whose stages up to the evaluation have been executed elsewhere."""

    def release(self) -> None:
        """See `execution.ports.Engine`; there is nothing to release."""

    def ready(self) -> None:
        """See `execution.ports.Engine`; always refuses, like all other methods."""
        raise EngineError("submit", "a submitted run works on its cluster only")

    def ingest(self, *asked: Any, **named: Any) -> Any:
        """See `execution.ports.Engine`; always refuses."""
        self.ready()

    fit = score = sweep = ingest


def _follow(jobs: Jobs, journal: Journal, watch: Watch, listener: Listener, lateness: _Lateness) -> None:
    job, silence = journal.need(SubmittedJob), _Silence(journal, listener)
    shared = shared_journal(Path(job.storage), journal.run_id)
    while True:
        state = silence.bear(lambda: jobs.state(job.submission_id))
        if state is None or state.status != "PENDING":
            watch.tell(shared)
        if state is not None and state.ended:
            break
        begun = state is None or state.status != "PENDING"
        if (late := lateness.of(shared, begun=begun)) is not None:
            stop(jobs, journal, _STOP_LATE_S)
            raise late
        time.sleep(_POLL_S)
    if state.status != "SUCCEEDED":
        raise failure(state, jobs.logs(job.submission_id), journal.run_id, _end_there(shared))


def _end_there(shared: Journal) -> RunEnd | None:
    """The end that the job or its watchdog has recorded, which may take a moment to appear in shared storage."""
    until = time.monotonic() + _RECORD_S
    while (end := shared.read(RunEnd)) is None and time.monotonic() < until:
        time.sleep(_POLL_S)
    return end


class _Lateness:
    """Detects a job that has not ended although its time is over, for instance because it waits in a queue forever."""

    def __init__(self, plan: RunPlan, journal: Journal, meter: Meter) -> None:
        self._plan, self._journal, self._meter = plan, journal, meter

    def of(self, shared: Journal, *, begun: bool) -> BudgetSpent | None:
        """The error to raise if the job is late; None if it is not.

        Args:
            begun: whether the job's own process has begun, as far as is known.
        """
        if left_s(shared, self._meter) > (-_LATE_S if begun else 0.0):
            return None
        what = "had not ended by itself" if begun else "had not begun: it waited for its cluster"
        return too_late(self._plan, self._journal, self._meter, f"and its job {what}; it was stopped")


class _Silence:
    """Tolerates, for a while, that a cluster does not answer or no longer knows its job."""

    def __init__(self, journal: Journal, listener: Listener) -> None:
        self._journal, self._listener = journal, listener
        self._heard, self._told = time.monotonic(), False

    def bear(self, ask: Callable[[], JobState | None]) -> JobState | None:
        """The state that the cluster reports; None while it reports nothing.

        Raises:
            Unavailable: it has reported nothing for too long.
        """
        trouble = Unavailable("the cluster no longer knows the job, for instance because its head was restarted")
        try:
            state = ask()
        except Unavailable as error:
            state, trouble = None, error
        if state is not None:
            self._heard, self._told = time.monotonic(), False
        elif time.monotonic() - self._heard > _SILENCE_LIMIT_S:
            raise _not_heard_of(trouble, self._journal) from trouble
        elif not self._told:
            self._told = True
            self._listener.note(f"{trouble.what}; trying again for {_SILENCE_LIMIT_S:.0f} s")
        return state


def _not_heard_of(error: Unavailable, journal: Journal) -> Unavailable:
    """The error for a cluster that has gone or cannot be reached: the job may still run, and the run can be resumed."""
    again = f"raytemplate resume {journal.run_id}"
    return Unavailable(
        f"{error.what}; the job may still be running there; nothing was promoted",
        next_step=f"{again}  (on another cluster: {again} --address {JOBS_EXAMPLE})",
    )


def failure(state: JobState, log: str, run_id: str, end: RunEnd | None) -> RaytemplateError:
    """The error of a failed job, in the job's own words if it could still report it.

    Args:
        end: recorded by its watchdog if the job outlasted its budget and was ended.
    """
    if state.status == "STOPPED":
        return Interrupted()
    lines = [line for line in log.splitlines() if line.startswith(ERROR_MARK)]
    again = f"raytemplate resume {run_id}"
    if not lines and end is not None and end.exit_code == BudgetSpent.exit_code:
        return BudgetSpent(end.message, next_step=f"raytemplate logs {run_id}, or raise budget.time")
    if not lines:
        said = state.message.strip().partition("\n")[0] or "it gave no reason"
        return EngineError("submit", f"the job of run {run_id} failed: {said}", next_step=f"raytemplate logs {run_id}")
    told = json.loads(lines[-1].removeprefix(ERROR_MARK))
    return from_words(told["error"], told["what"], told["next_step"] or again)


def stop_job(journal: Journal) -> None:
    """End the job of a submitted run.

    Raises:
        UsageError: the run was not submitted.
    """
    job = journal.read(SubmittedJob)
    if job is None:
        raise UsageError(f"run {journal.run_id} was not submitted; end it with Ctrl-C in its terminal")
    stop(Jobs(job.address), journal)


def job_log(journal: Journal) -> Iterator[str]:
    """What the job has logged so far, then what it adds until it ends; for a run that was not submitted, its log."""
    job = journal.read(SubmittedJob)
    if job is None:
        yield journal.log.read_text(errors="replace") if journal.log.exists() else ""
        return
    jobs, seen = Jobs(job.address), 0
    while True:
        state = jobs.state(job.submission_id)
        text = jobs.logs(job.submission_id) if state is not None else ""
        yield text[seen:]
        seen = len(text)
        if state is None or state.ended:
            return
        time.sleep(_POLL_S)


def stop(jobs: Jobs, journal: Journal, limit_s: float = _STOP_LIMIT_S) -> None:
    """End the run's job, and wait up to `limit_s` seconds until it has ended; its cluster ends it in any case."""
    job = journal.need(SubmittedJob)
    jobs.stop(job.submission_id)
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        state = jobs.state(job.submission_id)
        if state is None or state.ended:
            break
        time.sleep(_POLL_S)
    bring_records(Path(job.storage), journal)
