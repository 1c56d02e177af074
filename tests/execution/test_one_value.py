"""A window whose target has one value is refused before training if a metric that decides has no value there."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from raytemplate import plugins
from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.data.statistics import category_profile, number_profile
from raytemplate.errors import DataError
from raytemplate.evaluation.metrics.metric import Metric
from raytemplate.execution.one_value import refuse_one_value
from raytemplate.testing.sample_plans import (
    sample_evaluate_stage,
    sample_fit_stage,
    sample_plan,
    sample_sweep_stage,
)
from raytemplate.tuning.front import SECONDS, Objective

DECIDING = [(name, one) for name, one in sorted(plugins.every(plugins.METRICS).items()) if not one.cannot_decide]


def statistics(values) -> FeatureStatistics:
    column = pa.chunked_array([pa.array(values)])
    profile = category_profile(column, "text") if isinstance(values[0], str) else number_profile(column, "number")
    return FeatureStatistics(num_rows=len(values), target_column="y", target=profile, columns={})


def plan_with(metric):
    return replace(
        sample_plan(),
        fit=sample_fit_stage(metric=metric),
        evaluate=sample_evaluate_stage(metric=metric, quantile=0.5 if "pinball" in metric else None),
    )


@pytest.mark.parametrize("window", ["validation", "test"])
def test_it_names_the_window_the_value_and_what_to_do(window):
    found = dict.fromkeys(("train", "validation", "test"), statistics(["no", "yes"])) | {window: statistics(["no"] * 9)}
    with pytest.raises(
        DataError, match=f'target y is "no" in all 9 rows of the {window} window, where auc has'
    ) as told:
        refuse_one_value(plan_with("auc"), found, ("no", "yes"))
    assert told.value.next_step == f"a longer data.windows.{window}, or another evaluation.metric, such as log-loss"
    refuse_one_value(plan_with("log-loss"), found, ("no", "yes"))


def test_a_metric_of_trials_needs_a_value_in_the_validation_window_only():
    both = (Objective(name="log-loss", higher_is_better=False), Objective(name="auc", higher_is_better=True))
    sweep = sample_sweep_stage(objectives=(*both, Objective(name=SECONDS, higher_is_better=False)))
    plan = replace(plan_with("log-loss"), sweep=sweep)
    refuse_one_value(plan, {"validation": statistics(["a", "b"]), "test": statistics(["a"])}, ("a", "b"))
    with pytest.raises(DataError, match="where auc has no value"):
        refuse_one_value(plan, {"validation": statistics(["a"]), "test": statistics(["a", "b"])}, ("a", "b"))


@pytest.mark.parametrize(("name", "metric"), DECIDING, ids=[name for name, _ in DECIDING])
def test_just_those_metrics_are_refused_that_have_no_value_for_a_constant_target(name: str, metric: Metric):
    for task, index in itertools.product(sorted(metric.tasks), (0, 1)):
        classes = {"regression": (), "binary": ("a", "b"), "multiclass": ("a", "b", "c")}[task]
        prediction = np.random.default_rng(0).dirichlet((1, 1, 1), 20)
        value = metric(np.full(20, float(index)), prediction if task == "multiclass" else prediction[:, 0])
        found = {"validation": statistics([classes[index]] * 3 if classes else [1.0, 1.0])}
        try:
            refuse_one_value(plan_with(name), found, classes)
            refused = False
        except DataError:
            refused = True
        assert refused is not math.isfinite(value), (task, index)
