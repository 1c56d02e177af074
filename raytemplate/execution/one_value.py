"""Refuses a window in which the target has one value, if a metric that decides has no value there."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.data.statistics import CategoryProfile
from raytemplate.errors import DataError
from raytemplate.evaluation.metrics.metric import Metric, metric_of
from raytemplate.planning.stages import RunPlan
from raytemplate.tuning.front import SECONDS


def refuse_one_value(plan: RunPlan, statistics: Mapping[str, FeatureStatistics], classes: Sequence[str]) -> None:
    """Raises before training what would make it end without a result: the area under the ROC curve, for example, has
    no value where all rows are of one class.

    Args:
        statistics: window -> its statistics.
        classes: in the order of their index; empty for a regression.

    Raises:
        DataError: a metric by which epochs or trials are compared has no value in the validation window, or the metric
            that decides has none in the test window.
    """
    trials = plan.sweep.objectives if plan.sweep is not None else ()
    in_training = dict.fromkeys((plan.fit.metric, *(one.name for one in trials if one.name != SECONDS)))
    for window, metrics in (("validation", tuple(in_training)), ("test", (plan.evaluate.metric,))):
        found = statistics.get(window)
        value = _only_value(found) if found is not None else ""
        if found is None or not value:
            continue
        for name in metrics:
            if not _has_a_value(metric_of(name, plan.evaluate.quantile), value, classes):
                shown = f'"{value}"' if classes else value
                longer = f"data.split.{window}" if plan.ingest.split else f"data.windows.{window}"
                other = "log-loss" if classes else "mae"
                raise DataError(
                    f"target {found.target_column} is {shown} in all {found.num_rows:,} rows of the {window} window, "
                    f"where {name} has no value",
                    next_step=f"a longer {longer}, or another evaluation.metric, such as {other}",
                )


def _only_value(found: FeatureStatistics) -> str:
    """The target's only value, as text; "" if it has several."""
    target = found.target
    if isinstance(target, CategoryProfile):
        return next(iter(target.counts)) if len(target.counts) == 1 else ""
    return f"{target.min:g}" if target.min == target.max else ""


def _has_a_value(metric: Metric, value: str, classes: Sequence[str]) -> bool:
    """Whether a metric has a value where all targets are the same."""
    target = float(classes.index(value)) if classes else 0.0
    prediction = np.linspace(0.1, 1.0, 2 * max(1, len(classes))).reshape(2, -1)
    return math.isfinite(metric(np.full(2, target), prediction if len(classes) > 2 else prediction[:, 0]))
