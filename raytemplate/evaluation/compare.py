"""Compares models on the same rows: metrics with intervals, and paired differences from the candidate."""

from collections.abc import Mapping

import numpy as np

from raytemplate.evaluation.intervals import bound_groups, draw_counts, interval
from raytemplate.evaluation.metrics.formula import Drawn, Floats, Groups
from raytemplate.evaluation.metrics.metric import Metric, metric_of
from raytemplate.records.evaluated import Difference, Estimate, MetricValue, Scored


def compare(
    *,
    target: Floats,
    groups: Groups,
    predictions: Mapping[str, Floats],
    candidate: str,
    metric: str,
    baseline: str = "",
    also: tuple[str, ...] = (),
    num_resamples: int = 2000,
    seed: int = 0,
    quantile: float | None = None,
) -> dict[str, Scored]:
    """Scores every model on the same rows with the same draws, so that what affects all of them is not a difference.

    Args:
        target: float64 [rows].
        groups: int64 [rows], from `group_ids`.
        predictions: model name -> float64 [rows] or [rows, classes]; the result has the same keys.
        candidate: name of the model that is compared with every other.
        metric: id of the deciding metric.
        baseline: name of the model that all except the candidate are compared with as well; "" for none.
        also: ids of further metrics.
        num_resamples: draws of the bootstrap.
        seed: seed of the draws.
        quantile: the predicted quantile, if one is predicted.

    Raises:
        ValueError: there is nothing to score, lengths differ, a prediction or target is not finite, or the deciding
            metric has no value.
    """
    _check(target, groups, predictions, candidate)
    metrics = [metric_of(name, quantile) for name in dict.fromkeys((metric, *also))]
    groups = bound_groups(groups, seed)
    num_groups = int(groups.max()) + 1
    counts = draw_counts(num_groups, num_resamples, seed)
    drawn = {
        name: {m.id: m.drawn(target, prediction, groups, counts) for m in metrics}
        for name, prediction in predictions.items()
    }
    deciding = metrics[0]
    _check_decides(deciding, drawn)
    values = {name: found[deciding.id] for name, found in drawn.items()}

    def less(name: str, other: str) -> Difference | None:
        there = name != other and other in values
        return _difference(deciding, values[name], values[other], num_groups) if there else None

    return {
        name: Scored(
            name=name,
            metrics={m.id: _metric_value(m, found[m.id], num_groups) for m in metrics},
            difference=less(candidate, name),
            against_baseline=None if name == candidate else less(name, baseline),
        )
        for name, found in drawn.items()
    }


def _metric_value(metric: Metric, drawn: Drawn, num_groups: int) -> MetricValue:
    return MetricValue(
        id=metric.id,
        version=metric.version,
        higher_is_better=metric.higher_is_better,
        estimate=interval(drawn.value, drawn.draws, num_groups),
    )


def _difference(metric: Metric, candidate: Drawn, other: Drawn, num_groups: int) -> Difference:
    estimate = interval(candidate.value - other.value, candidate.draws - other.draws, num_groups)
    gain = estimate if metric.higher_is_better else _flipped(estimate)
    return Difference(metric=metric.id, version=metric.version, estimate=estimate, gain=gain)


def _flipped(estimate: Estimate) -> Estimate:
    # 0.0 - x rather than -x: identical models gain 0.0, never -0.0.
    return Estimate(value=0.0 - estimate.value, low=0.0 - estimate.high, high=0.0 - estimate.low)


def _check(target: Floats, groups: Groups, predictions: Mapping[str, Floats], candidate: str) -> None:
    rows = len(target)
    if rows == 0:
        raise ValueError("no rows to score")
    if candidate not in predictions:
        raise ValueError(f'no predictions of the candidate "{candidate}"; there is {", ".join(predictions)}')
    columns = {"groups": groups, "target": target} | {f"predictions of {name}": p for name, p in predictions.items()}
    for name, values in columns.items():
        if len(values) != rows:
            raise ValueError(f"{name}: got shape {values.shape}, expected {rows:,} rows as the target")
        bad = int((~np.isfinite(values.reshape(rows, -1)).all(axis=1)).sum())
        if bad:
            raise ValueError(f"{name}: {bad:,} of {rows:,} rows are NaN or infinite")


def _check_decides(metric: Metric, drawn: Mapping[str, Mapping[str, Drawn]]) -> None:
    for name, values in drawn.items():
        if not np.isfinite(values[metric.id].value):
            raise ValueError(f"{metric.id} decides and has no value for {name}: is the target constant here?")
