"""`quantile`: a number becomes its rank among training's, spread as a normal or a uniform distribution."""

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
    """Ranks: the shape of a column no longer matters, nor how far an outlier lies out.

    Between at most 256 knots the rank is interpolated; outside training's range it is that of the nearest end.
    A missing number is 0, the middle.
    """

    profiled: Profiled = "quantiles"

    accepts = staticmethod(Numeric.accepts)
    prepare = staticmethod(as_it_is)

    @staticmethod
    def fit(profile: QuantileProfile, options: QuantileOptions) -> Mapping[str, Any]:
        """Rising `knots` and what each becomes: `scores`."""
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
