import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from raytemplate.evaluation.metrics.shipped import MAE, R2, RMSE

BY_HAND = [
    pytest.param(MAE, (1 + 0 + 3) / 3, id="mae"),
    pytest.param(RMSE, np.sqrt((1 + 0 + 9) / 3), id="rmse"),
    pytest.param(R2, 1 - 10 / 8, id="r2"),
]


@pytest.mark.parametrize(("metric", "expected"), BY_HAND)
def test_metric_by_hand(metric, expected):
    assert metric(np.array([2.0, 4.0, 6.0]), np.array([3.0, 4.0, 3.0])) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("metric", "reference"),
    [(MAE, mean_absolute_error), (RMSE, root_mean_squared_error), (R2, r2_score)],
    ids=["mae", "rmse", "r2"],
)
@pytest.mark.parametrize("offset", [0.0, 1e9], ids=["near 0", "far from 0"])
def test_metric_agrees_with_scikit_learn(metric, reference, offset):
    rng = np.random.default_rng(3)
    target = rng.normal(size=1000) + offset
    prediction = target + rng.normal(size=1000) * 0.5
    assert metric(target, prediction) == pytest.approx(reference(target, prediction), rel=1e-9)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9], ids=str)
def test_r2_has_no_value_when_the_target_is_constant(constant):
    assert np.isnan(R2(np.full(7, constant), np.arange(7.0)))
