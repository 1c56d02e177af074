"""A run's measurements as MLflow metrics, named by metric and window; each epoch is one step."""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime

from mlflow.entities import Metric

from raytemplate.engines.mlflow.copied import Copied
from raytemplate.engines.mlflow.datasets import dataset_of
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import EpochRecord, FitResult
from raytemplate.records.swept import SweepResult

_Figure = tuple[str, float, int]
"""Name, value and epoch; 0 for what belongs to no epoch."""


def by_epoch(copied: Copied) -> list[Metric]:
    """Training's loss and the metrics of the validation window, after each epoch.

    If that window was trained on too, as after a sweep, its metrics say nothing and are left out.
    """
    begun = milliseconds(copied.view.start.started)
    return [
        Metric(name, value, begun + int(epoch.wall_clock_s * 1000), epoch.epoch)
        for epoch in copied.journal.epochs()
        for name, value in _of_epoch(copied.plan, epoch)
        if math.isfinite(value)
    ]


def _of_epoch(plan: RunPlan, epoch: EpochRecord) -> Iterator[tuple[str, float]]:
    yield "train_loss", epoch.train_loss
    if not plan.fit.with_validation:
        yield f"validation_{plan.fit.metric}", epoch.validation
        yield from ((f"validation_{name}", float(value)) for name, value in epoch.also.items())


def at_the_end(copied: Copied) -> list[Metric]:
    """What is known once: of the candidate, of what it was compared with, and what training took."""
    return of_candidate(copied) + _metrics(copied, _of_others(copied.view.evaluation))


def of_candidate(copied: Copied, model_id: str | None = None) -> list[Metric]:
    """What is known once of the candidate.

    Args:
        model_id: its model in MLflow, for which what was measured on test rows names these; None for figures of the
            run alone.
    """
    view = copied.view
    tested = dataset_of(copied, "test") if model_id is not None and view.snapshot is not None else None
    return [
        *_metrics(copied, _of_fit(copied.plan, view.fit, copied.swept), model_id),
        *_metrics(copied, _of_test(view.evaluation), model_id, tested),
    ]


def _metrics(
    copied: Copied, found: Iterable[_Figure], model_id: str | None = None, dataset: tuple[str, str] | None = None
) -> list[Metric]:
    begun, (name_of, digest) = milliseconds(copied.view.start.started), dataset or (None, None)
    return [
        Metric(name, value, begun, step, model_id=model_id, dataset_name=name_of, dataset_digest=digest)
        for name, value, step in found
        if math.isfinite(value)
    ]


def _of_fit(plan: RunPlan, fit: FitResult | None, swept: SweepResult | None) -> Iterator[_Figure]:
    if fit is None:
        return
    best = f"best_validation_{plan.fit.metric}"
    if not plan.fit.with_validation:
        yield best, fit.candidate.validation, fit.candidate.epoch
    elif swept is not None and swept.best.validation is not None:
        yield best, swept.best.validation, swept.best.best_epoch
    yield "fit_s", fit.usage.wall_clock_s, 0
    yield "rows_per_s", fit.rows_per_s, 0
    yield "cost_usd", fit.usage.cost_usd, 0


def _of_test(evaluation: Evaluation | None) -> Iterator[_Figure]:
    if evaluation is not None:
        for name, metric in evaluation.candidate.metrics.items():
            yield f"test_{name}", metric.estimate.value, 0


def _of_others(evaluation: Evaluation | None) -> Iterator[_Figure]:
    """Their names stand behind the metric's, so that they are listed beside the candidate's."""
    for scored in (evaluation.champion, evaluation.baseline) if evaluation is not None else ():
        if scored is not None:
            for name, metric in scored.metrics.items():
                yield f"test_{name}_{scored.name}", metric.estimate.value, 0


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970, MLflow's unit of time."""
    return int(moment.timestamp() * 1000)
