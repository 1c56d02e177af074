"""Copies the trials of a sweep to child runs of its MLflow run, the best first."""

import math
import time
from collections.abc import Callable
from datetime import datetime

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from raytemplate.budget import Clock
from raytemplate.engines.mlflow.measured import milliseconds
from raytemplate.engines.mlflow.parameters import parameter
from raytemplate.execution.journal import Journal
from raytemplate.execution.trials import MOST_COPIED
from raytemplate.planning.stages import RunPlan
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.records.swept import SweepResult, TrialRecord
from raytemplate.redact import redact
from raytemplate.reports.trials_shown import best_first
from raytemplate.reports.visible import visible

TRIAL_TAG, TRIALS_TAG = "raytemplate.trial", "raytemplate.trials"
PARENT_TAG = "mlflow.parentRunId"
_SECONDS = "trial_s"
"""The metric that each complete trial has; MLflow logs it after the parameters."""
_LONGEST_S, _KEPT_S = 10.0, 0.5
"""Seconds that copying trials may take, and seconds of the budget reserved for the run's last steps. Trials not copied
in time are copied the next time."""
_MOST_TAG_LENGTH = 500
_STATUS = {"finished": "FINISHED", "pruned": "KILLED", "cut": "KILLED", "diverged": "FAILED", "failed": "FAILED"}


def track_trials(
    client: MlflowClient,
    plan: RunPlan,
    journal: Journal,
    parent: str,
    clock: Clock = time.monotonic,
    goes_on: Callable[[], bool] = lambda: True,
) -> None:
    """Create a child run of `parent` for each of the best trials, once, however often this is called.

    A tag of the parent holds how many trials are copied out of how many. Without a sweep, nothing is done.

    Args:
        goes_on: asked before each trial; once it is False, the rest is left to the next call.
    """
    trials = journal.trials()
    if plan.sweep is None or not trials:
        return
    kept = best_first(trials, higher_is_better=plan.fit.higher_is_better)[:MOST_COPIED]
    mlflow_run = client.get_run(parent)
    if mlflow_run.data.tags.get(TRIALS_TAG) == _told(len(kept), len(trials)):
        return
    experiment = str(mlflow_run.info.experiment_id)
    known = _known(client, experiment, parent)
    start, swept = journal.need(RunStart), journal.read(SweepResult)
    until, done = clock() + _allowed_s(plan, journal), 0
    for record in kept:
        if clock() > until or not goes_on():
            break
        child, is_whole = known.get(str(record.number), ("", False))
        if not is_whole:
            won = swept is not None and record.number == swept.best.number
            made = child or _new(client, experiment, parent, record, start, won=won)
            _log(client, made, record, plan.fit.metric, start.started)
        done += 1
    client.set_tag(parent, TRIALS_TAG, _told(done, len(trials)))


def _allowed_s(plan: RunPlan, journal: Journal) -> float:
    """Seconds that copying may take: a run whose budget ended the sweep has few left, an ended run has no limit of its
    own."""
    if journal.read(RunEnd) is not None:
        return _LONGEST_S
    return min(_LONGEST_S, plan.limits.meter(journal.spent(), time.monotonic()).remaining_s() - _KEPT_S)


def _told(logged: int, number: int) -> str:
    return f"{number}" if logged == number else f"the best {logged} of {number}"


def _known(client: MlflowClient, experiment: str, parent: str) -> dict[str, tuple[str, bool]]:
    """Trial -> its child run, and whether that is complete: if not, the process that made it was killed."""
    found = client.search_runs([experiment], f"tags.`{PARENT_TAG}` = '{parent}'", max_results=5 * MOST_COPIED)
    return {
        run.data.tags[TRIAL_TAG]: (
            str(run.info.run_id),
            run.info.status != "RUNNING" and _SECONDS in run.data.metrics,
        )
        for run in found
        if TRIAL_TAG in run.data.tags
    }


def _new(client: MlflowClient, experiment: str, parent: str, record: TrialRecord, start: RunStart, *, won: bool) -> str:
    tags = {PARENT_TAG: parent, TRIAL_TAG: str(record.number), "raytemplate.state": record.state,
            "mlflow.user": start.user}  # fmt: skip
    if won:
        tags["raytemplate.winner"] = "true"
    if problem := visible(redact(record.problem))[:_MOST_TAG_LENGTH]:
        tags["raytemplate.problem"] = problem
    made = client.create_run(
        experiment, start_time=milliseconds(start.started), run_name=f"trial {record.number}", tags=tags
    )
    return str(made.info.run_id)


def _log(client: MlflowClient, child: str, record: TrialRecord, metric: str, started: datetime) -> None:
    # When a trial began is not kept: all begin with their run, and last as long as they did.
    begun = milliseconds(started)
    # First, since MLflow gives each new run the status "RUNNING", which one that is never completed must not keep.
    client.set_terminated(child, _STATUS[record.state], end_time=begun + int(record.actual_s * 1000))
    metrics = [Metric(_SECONDS, record.actual_s, begun, 0)]
    if record.validation is not None and math.isfinite(record.validation):
        metrics.append(Metric(f"validation_{metric}", record.validation, begun, record.best_epoch))
    if record.cost_usd:
        metrics.append(Metric("cost_usd", record.cost_usd, begun, 0))
    params: list[Param] = [parameter(name, value) for name, value in record.values.items()]
    client.log_batch(child, metrics=metrics, params=params)
