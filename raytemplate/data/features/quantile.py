"""`quantile`: a number becomes its rank in the training data, mapped to a normal or a uniform distribution."""

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa

from raytemplate.data.features.kind import EncodedColumn, Profiled, as_it_is, one_dense
from raytemplate.data.features.numeric import Numeric
from raytemplate.data.features.options import QuantileOptions
from raytemplate.data.quantiles import QuantileProfile, middle_ranks
from raytemplate.data.statistics import to_floats

_NUM_KNOTS = 256


class Quantile:
    """Ranks, which ignore the shape of a column's distribution and the size of its outliers.

    Ranks are interpolated between at most 256 knots; outside the range of training a number gets the rank of the
    nearest end. A missing number becomes 0, the middle.
    """

    profiled: Profiled = "quantiles"

    accepts = staticmethod(Numeric.accepts)
    prepare = staticmethod(as_it_is)

    @staticmethod
    def fit(profile: QuantileProfile, options: QuantileOptions) -> Mapping[str, Any]:
        """Rising `knots` and the encoded value of each, `scores`."""
        knots, ranks = middle_ranks(profile, _NUM_KNOTS)
        normal = NormalDist()
        if options.distribution == "normal":
            scores = [normal.inv_cdf(rank) for rank in ranks.tolist()]
        else:
            scores = [2 * rank - 1 for rank in ranks.tolist()]
        return {"knots": knots.tolist(), "scores": scores}

    outputs = staticmethod(one_dense)

    @staticmethod
    def encode(column: pa.ChunkedArray, state: Mapping[str, Any]) -> EncodedColumn:
        """Scores, float64 [rows]."""
        values = to_floats(column)
        knots = state["knots"] or [0.0]
        scores = np.interp(values, knots, state["scores"] or [0.0])
        return EncodedColumn(dense=(np.where(np.isnan(values), 0.0, scores),))
