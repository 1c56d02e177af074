"""`target-mean`: a value becomes the mean of the target over the training rows with that value."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from raytemplate.data.features.categorical import FIRST, UNKNOWN, Categorical, codes_of
from raytemplate.data.features.kind import EncodedColumn, Outputs, Profiled, as_it_is
from raytemplate.data.features.options import TargetMeanOptions
from raytemplate.data.target_means import MISSING, TargetMeanProfile, folds_of

Floats = npt.NDArray[np.float64]


class TargetMean:
    """Means of the target, shrunk towards the overall mean for values with few rows; scaled to mean 0 and standard
    deviation 1.

    A row of the train window gets a mean that excludes its own fold, so that it does not see its own target; every
    other row gets the mean over all folds. A value that is not in training counts as unknown and gets the overall mean.
    """

    profiled: Profiled = "target"

    accepts = staticmethod(Categorical.accepts)
    prepare = staticmethod(as_it_is)

    @staticmethod
    def fit(profile: TargetMeanProfile, options: TargetMeanOptions) -> Mapping[str, Any]:
        """`scores`: that of unknown values, then one a value; and `fold_scores`, the same for the rows of each fold."""
        names = sorted(profile.counts, key=lambda name: (-sum(profile.counts[name]), name))[: options.max_values]
        shape = (len(names), options.folds)
        counts = np.array([profile.counts[name] for name in names], np.float64).reshape(shape)
        sums = np.array([profile.sums[name] for name in names], np.float64).reshape(shape)
        rows, total = np.array(profile.all_counts, np.float64), np.array(profile.all_sums, np.float64)
        means = _means(counts.sum(1), sums.sum(1), rows.sum(), total.sum(), options.smoothing)
        center, divisor = _scale(means, counts.sum(1), rows.sum())
        without = [
            _means(
                counts.sum(1) - counts[:, fold],
                sums.sum(1) - sums[:, fold],
                rows.sum() - rows[fold],
                total.sum() - total[fold],
                options.smoothing,
            )
            for fold in range(options.folds)
        ]
        return {
            "values": names,
            "scores": ((means - center) / divisor).tolist(),
            "fold_scores": [((found - center) / divisor).tolist() for found in without],
            "fold_by": list(options.fold_by),
        }

    @staticmethod
    def outputs(column: str, state: Mapping[str, Any]) -> Outputs:
        """One dense column `column.target-mean`."""
        del state
        return Outputs(dense=(f"{column}.target-mean",))

    @staticmethod
    def encode(column: pa.ChunkedArray, state: Mapping[str, Any]) -> EncodedColumn:
        """Scores over all folds, float64 [rows]."""
        codes = _codes(column, state)
        return EncodedColumn(dense=(np.array(state["scores"], np.float64)[codes],), unknown=codes == UNKNOWN)

    @staticmethod
    def encode_training(column: pa.ChunkedArray, table: pa.Table, state: Mapping[str, Any]) -> EncodedColumn:
        """Scores that exclude each row's own fold, float64 [rows]; `table` has the columns that decide the fold."""
        codes = _codes(column, state)
        scores = np.array(state["fold_scores"], np.float64)
        folds = folds_of(table, state["fold_by"], len(scores))
        return EncodedColumn(dense=(scores[folds, codes],), unknown=codes == UNKNOWN)


def _codes(column: Any, state: Mapping[str, Any]) -> npt.NDArray[np.int32]:
    """0 for an unknown value, else 1, 2.. in the order of the values."""
    codes = codes_of(column.cast(pa.string()).fill_null(MISSING), state["values"])
    return np.where(codes == UNKNOWN, UNKNOWN, codes - FIRST + 1)


def _means(counts: Floats, sums: Floats, rows: float, total: float, smoothing: float) -> Floats:
    """The overall mean, then that of each value, as if it had `smoothing` more rows with the overall mean."""
    overall = total / rows if rows else 0.0
    return np.concatenate([[overall], (sums + smoothing * overall) / (counts + smoothing)])


def _scale(means: Floats, counts: Floats, rows: float) -> tuple[float, float]:
    """Mean and standard deviation of the means over the training rows; rows of dropped values have the first mean."""
    weights = np.concatenate([[rows - counts.sum()], counts]) / max(1.0, rows)
    center = float((means * weights).sum())
    return center, float(np.sqrt((np.square(means - center) * weights).sum())) or 1.0
