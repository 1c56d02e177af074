"""Metrics of a number predicted: MAE, RMSE and R2, all rows weighing the same."""

import numpy as np

from raytemplate.evaluation.metrics.formula import Floats, Sums, mean

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


def _root_mean(sums: Floats) -> Floats:
    return np.sqrt(mean(sums))


def _share_explained(sums: Floats) -> Floats:
    count, total, squares, errors = np.moveaxis(sums, -1, 0)
    about_mean = squares - np.square(total) / count
    varies = about_mean > _CONSTANT * squares
    return np.where(varies, 1.0 - errors / np.where(varies, about_mean, 1.0), np.nan)


MAE = Sums(statistics=_absolute, value=mean)

RMSE = Sums(statistics=_squared, value=_root_mean)

R2 = Sums(statistics=_explained, value=_share_explained)
