"""Metrics of a number predicted: MAE, RMSE and R2, all rows weighing the same."""

from __future__ import annotations

import numpy as np

from raytemplate.evaluation.metrics.metric import Floats, Metric

# Below this share of the mean square, what is left of a sum of squares about the mean is rounding.
_CONSTANT = 1e-12


def _absolute(target: Floats, prediction: Floats) -> Floats:
    return np.column_stack([np.ones_like(target), np.abs(prediction - target)])


def _squared(target: Floats, prediction: Floats) -> Floats:
    return np.column_stack([np.ones_like(target), np.square(prediction - target)])


def _explained(target: Floats, prediction: Floats) -> Floats:
    # R2 does not change when target and prediction move together. About the mean of the call the two sums that are
    # subtracted below are of the size of the variance; about 0 they would cancel for targets such as 1e9 + noise.
    centred = target - target.mean()
    error = prediction - target
    return np.column_stack([np.ones_like(target), centred, np.square(centred), np.square(error)])


def _mean(sums: Floats) -> Floats:
    return sums[..., 1] / sums[..., 0]


def _root_mean(sums: Floats) -> Floats:
    return np.sqrt(_mean(sums))


def _share_explained(sums: Floats) -> Floats:
    count, total, squares, errors = np.moveaxis(sums, -1, 0)
    about_mean = squares - np.square(total) / count
    varies = about_mean > _CONSTANT * squares
    return np.where(varies, 1.0 - errors / np.where(varies, about_mean, 1.0), np.nan)


MAE = Metric(id="mae", version=1, higher_is_better=False, unit="target", statistics=_absolute, value=_mean, least=0)
"""Mean absolute error, sum |p - y| / n (Willmott and Matsuura 2005, Climate Research 30)."""

RMSE = Metric(
    id="rmse", version=1, higher_is_better=False, unit="target", statistics=_squared, value=_root_mean, least=0
)
"""Root mean squared error, sqrt(sum (p - y)^2 / n) (Willmott and Matsuura 2005, Climate Research 30)."""

R2 = Metric(
    id="r2", version=1, higher_is_better=True, unit="share", statistics=_explained, value=_share_explained, most=1
)
"""Coefficient of determination, 1 - sum (p - y)^2 / sum (y - mean y)^2 (Kvalseth 1985, The American Statistician 39).

The mean is that of the scored rows. NaN where the target is constant; a NaN is reported, and refused where it decides.
"""
