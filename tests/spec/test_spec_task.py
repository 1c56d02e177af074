"""Fields that must fit `data.task`: whole messages with their locations."""

from dataclasses import replace

import pytest
from template_text import WHOLE, write

from raytemplate.errors import SpecError
from raytemplate.models.linear import family as linear
from raytemplate.spec.load import load


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "target: air_time",
            "target: air_time > 90",
            't.yaml:6  data.target: got "air_time > 90", a condition; that needs data.task: binary',
        ),
        (
            "target: air_time",
            "target: air_time\n  positive: 1",
            "t.yaml:7  data.positive: says which value of a column is yes, but data.task is regression; remove it",
        ),
        (
            "loss: mae",
            "loss: log-loss",
            't.yaml:15  training.loss: got "log-loss", expected mse, mae, huber or quantile: data.task is regression',
        ),
        (
            "loss: mae",
            "quantile: 0.9",
            "t.yaml:15  training.quantile: goes with loss: quantile, but the loss is mse; remove it",
        ),
        (
            "beats-baseline: {min_gain: 0}",
            "calibration: {max_error: 0.1}",
            "t.yaml:24  governance.gates.calibration: is for classes, and data.task is regression; remove it",
        ),
        ("[distance, seats]", "[distance, seats]\n  # air_time\n", None),
    ],
)
def test_a_field_that_does_not_fit_the_task_is_named(tmp_path, monkeypatch, old, new, problem):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, WHOLE.replace(old, new))
    if problem is None:
        assert load("t.yaml", environ={}).data.task == "regression"
        return
    with pytest.raises(SpecError) as caught:
        load("t.yaml", environ={})
    assert [str(p) for p in caught.value.problems] == [problem]


def test_binary_with_what_is_for_numbers_is_every_problem_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, WHOLE.replace("target: air_time", "target: seats > 90\n  task: binary"))
    with pytest.raises(SpecError) as caught:
        load("t.yaml", environ={})
    found = [str(p) for p in caught.value.problems]
    assert found[0].endswith('features.numeric: "seats" is in data.target; what is predicted cannot be a feature')
    assert found[1].endswith('training.loss: got "mae", expected log-loss: data.task is binary')
    assert any("classes have no median; use mean_by, which is the rate" in text for text in found)


def problems(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, text)
    with pytest.raises(SpecError) as caught:
        load("t.yaml", environ={})
    return [str(p) for p in caught.value.problems]


def test_a_quantile_is_judged_by_its_own_loss_and_must_be_named(tmp_path, monkeypatch):
    assert problems(tmp_path, monkeypatch, WHOLE.replace("loss: mae", "loss: quantile")) == [
        "t.yaml:23  governance.gates.metric-limit.mae: not computed; add mae to evaluation.also",
        "t.yaml:15  training.quantile: missing; loss quantile needs it, such as 0.9",
    ]
    quantile = WHOLE.replace("loss: mae", "loss: quantile, quantile: 0.9").replace("{mae:", "{pinball:")
    write(tmp_path, quantile)
    evaluation = load("t.yaml", environ={}).evaluation
    assert (evaluation.metric, evaluation.baseline.rule) == ("pinball", "median_by")  # the file says by carrier
    write(tmp_path, quantile.replace("  baseline: {median_by: [carrier]}\n", ""))
    assert load("t.yaml", environ={}).evaluation.baseline.quantile_by == ()
    wrong = problems(tmp_path, monkeypatch, WHOLE.replace("median_by: [carrier]", "quantile_by: [carrier]"))
    said = "evaluation.baseline.quantile_by: goes with training.loss: quantile, which says the quantile"
    assert wrong == [f"t.yaml:20  {said}"]


@pytest.mark.parametrize(
    ("metric", "problem"),
    [
        ("pinball", '"pinball" is a metric of a quantile; it needs training.loss: quantile'),
        ("auc", '"auc" is a metric of binary or multiclass; for regression there is coverage, mae, pinball, r2, rmse'),
        ("acu", 'no such metric: "acu"; did you mean auc?'),
    ],
)
def test_a_metric_that_does_not_fit_is_named(tmp_path, monkeypatch, metric, problem):
    found = problems(tmp_path, monkeypatch, WHOLE.replace("also: [rmse]", f"also: [{metric}]"))
    assert any(problem in text for text in found), found


def test_coverage_cannot_decide(tmp_path, monkeypatch):
    quantile = WHOLE.replace("loss: mae", "loss: quantile, quantile: 0.9")
    found = problems(tmp_path, monkeypatch, quantile.replace("also: [rmse]", "metric: coverage"))
    assert any(
        'got "coverage", which any high enough prediction maximises; expected pinball' in text for text in found
    ), found


def test_a_family_that_does_not_predict_what_is_asked_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(linear, "FAMILY", replace(linear.FAMILY, tasks=("binary", "multiclass")))
    found = problems(tmp_path, monkeypatch, WHOLE.replace("kind: tabular-mlp, hidden: 64", "kind: linear"))
    assert "t.yaml:14  model.kind: linear predicts binary or multiclass, and data.task is regression" in found
