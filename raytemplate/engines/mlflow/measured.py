"""What was measured in a run, as MLflow's metrics: named by metric and window, of epochs one step each."""

import math
from collections.abc import Iterator
from datetime import datetime

from mlflow.entities import Metric

from raytemplate.execution.journal import Journal
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import EpochRecord, FitResult
from raytemplate.records.run import RunStart
from raytemplate.records.swept import SweepResult


def by_epoch(plan: RunPlan, journal: Journal, start: RunStart) -> list[Metric]:
    """Training's loss and the metrics of the validation window, after each epoch.

    If that window was trained on too, as after a sweep, its metrics say nothing and are left out.
    """
    begun = milliseconds(start.started)
    return [
        Metric(name, value, begun + int(epoch.wall_clock_s * 1000), epoch.epoch)
        for epoch in journal.epochs()
        for name, value in _of_epoch(plan, epoch)
        if math.isfinite(value)
    ]


def _of_epoch(plan: RunPlan, epoch: EpochRecord) -> Iterator[tuple[str, float]]:
    yield "train_loss", epoch.train_loss
    if not plan.fit.with_validation:
        yield f"validation_{plan.fit.metric}", epoch.validation
        yield from ((f"validation_{name}", float(value)) for name, value in epoch.also.items())


def at_the_end(plan: RunPlan, journal: Journal, start: RunStart) -> list[Metric]:
    """What is known once: of the candidate, of what it was compared with, and what training took."""
    begun = milliseconds(start.started)
    fit, evaluation, swept = journal.read(FitResult), journal.read(Evaluation), journal.read(SweepResult)
    found = list(_of_fit(plan, fit, swept)) if fit is not None else []
    found += list(_of_test(evaluation)) if evaluation is not None else []
    return [Metric(name, value, begun, step) for name, value, step in found if math.isfinite(value)]


def _of_fit(plan: RunPlan, fit: FitResult, swept: SweepResult | None) -> Iterator[tuple[str, float, int]]:
    best = f"best_validation_{plan.fit.metric}"
    if not plan.fit.with_validation:
        yield best, fit.candidate.validation, fit.candidate.epoch
    elif swept is not None and swept.best.validation is not None:
        yield best, swept.best.validation, swept.best.best_epoch
    yield "fit_s", fit.usage.wall_clock_s, 0
    yield "rows_per_s", fit.rows_per_s, 0
    yield "cost_usd", fit.usage.cost_usd, 0


def _of_test(evaluation: Evaluation) -> Iterator[tuple[str, float, int]]:
    """The candidate's under the plain name, such as `test_mae`; those of others have their name behind it."""
    for name, metric in evaluation.candidate.metrics.items():
        yield f"test_{name}", metric.estimate.value, 0
    for scored in (evaluation.champion, evaluation.baseline):
        for name, metric in scored.metrics.items() if scored is not None else ():
            yield f"test_{name}_{scored.name}", metric.estimate.value, 0


def milliseconds(moment: datetime) -> int:
    """As MLflow tells the time."""
    return int(moment.timestamp() * 1000)
