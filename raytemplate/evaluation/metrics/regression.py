"""Metrics of predicted numbers: MAE, RMSE and R2, with equal weight for all rows."""

import numpy as np

from raytemplate.evaluation.metrics.formula import Floats, Sums, mean

# Below this share of the sum of squares, the sum of squares about the mean is only rounding error.
_CONSTANT = 1e-12


def _absolute(target: Floats, prediction: Floats) -> Floats:
    return np.column_stack([np.ones_like(target), np.abs(prediction - target)])


def _squared(target: Floats, prediction: Floats) -> Floats:
    return np.column_stack([np.ones_like(target), np.square(prediction - target)])


def _explained(target: Floats, prediction: Floats) -> Floats:
    # R2 does not change if target and prediction are shifted together. Centred on the mean of the call, the sums that
    # are subtracted below are of the size of the variance; around 0 they would cancel for targets such as 1e9 + noise.
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
