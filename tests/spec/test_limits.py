"""Limits of gates that no value of the metric could meet, or miss."""

from __future__ import annotations

from pathlib import Path

import pytest

from raytemplate import plugins
from raytemplate.errors import SpecError
from raytemplate.evaluation.metrics.metric import range_of
from raytemplate.spec.load import load
from raytemplate.testing.metric_suite import predictions_of

TEMPLATE = """\
name: late
data: {{source: d.parquet, time: day, target: late, task: {task}}}
features: {{numeric: [distance], categorical: [carrier]}}
model: {{kind: tabular-mlp}}
evaluation: {{metric: {metric}, slices: [carrier]}}
governance:
  gates:
    {gate}
"""


def problems(folder: Path, task: str, metric: str, gate: str) -> list[str]:
    path = folder / "t.yaml"
    path.write_text(TEMPLATE.format(task=task, metric=metric, gate=gate))
    try:
        load(path, environ={})
    except SpecError as error:
        return [f"{problem.where.rpartition(':')[2]} {problem.path}: {problem.message}" for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("metric", "gate", "problem"),
    [
        ("auc", "metric-limit: {auc: 85}", "metric-limit.auc: got 85, expected 0 to 1, which is all that auc can be"),
        (
            "brier",
            "metric-limit: {brier: -0.1}",
            "metric-limit.brier: got -0.1, expected 0 to 2, which is all that brier can be",
        ),
        (
            "log-loss",
            "slice-limit: {by: carrier, log-loss: -1}",
            "slice-limit.log-loss: got -1, expected 0 or more, which is all that log-loss can be",
        ),
        (
            "auc",
            "slice-gap: {by: carrier, auc: -0.1}",
            "slice-gap.auc: got -0.1, expected 0 to 1, which is all that auc can be apart",
        ),
        (
            "auc",
            "beats-baseline: {min_gain: 2}",
            "beats-baseline.min_gain: got 2, expected -1 to 1, which is all that auc can gain",
        ),
    ],
    ids=["percent", "negative", "slice", "gap", "gain"],
)
def test_limit_beyond_the_metric_is_told_with_its_line(tmp_path: Path, metric: str, gate: str, problem: str) -> None:
    assert problems(tmp_path, "binary", metric, gate) == [f"8 governance.gates.{problem}"]


def test_limit_of_r2_has_no_least(tmp_path: Path) -> None:
    assert problems(tmp_path, "regression", "r2", "metric-limit: {r2: -5}") == []
    assert "expected at most 1" in problems(tmp_path, "regression", "r2", "metric-limit: {r2: 1.5}")[0]


@pytest.mark.parametrize(
    ("metric", "gate"),
    [
        ("auc", "metric-limit: {auc: 1}"),
        ("log-loss", "metric-limit: {log-loss: 0}"),
        ("auc", "beats-champion: {min_gain: -0.01}"),
        ("log-loss", "beats-champion: {min_gain: -3}"),
    ],
)
def test_limit_at_the_end_of_what_can_be_is_one(tmp_path: Path, metric: str, gate: str) -> None:
    assert problems(tmp_path, "binary", metric, gate) == []


@pytest.mark.parametrize("name", plugins.every(plugins.METRICS))
def test_what_a_metric_can_be_is_in_its_range(name: str) -> None:
    metric = plugins.load(plugins.METRICS, name)
    assert range_of(name) == (metric.least, metric.most)
    for task in metric.tasks:
        target, found, perfect = predictions_of(task)
        for prediction in (found, perfect, 1 - found):
            assert metric.least <= metric(target, prediction) <= metric.most


def test_metric_of_others_that_names_no_range_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    offers = {group: {} for group in plugins._SHIPPED}
    offers[plugins.METRICS] = {"own": (plugins.Offer(target="own:OWN", package="own 1"),)}
    monkeypatch.setattr(plugins, "_installed", lambda: offers)
    monkeypatch.setattr(plugins, "load", lambda group, name: object())
    assert range_of("own") == (float("-inf"), float("inf"))
