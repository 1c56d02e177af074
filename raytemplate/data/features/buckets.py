"""`buckets`: a number becomes the code of its range, or one dense column for each range."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from raytemplate.data.features.kind import EncodedColumn, Outputs, Profiled, as_it_is
from raytemplate.data.features.numeric import Numeric
from raytemplate.data.features.options import BucketsOptions
from raytemplate.data.quantiles import QuantileProfile, inner_quantiles
from raytemplate.data.statistics import to_floats

MISSING, FIRST = 0, 1


class Buckets:
    """Ranges of numbers. Code 0 is missing, then come the ranges in rising order; an edge belongs to the upper one."""

    profiled: Profiled = "quantiles"

    accepts = staticmethod(Numeric.accepts)
    prepare = staticmethod(as_it_is)

    @staticmethod
    def fit(profile: QuantileProfile, options: BucketsOptions) -> Mapping[str, Any]:
        """The edges: those given, else the distinct quantiles of the training data."""
        edges = options.edges or inner_quantiles(profile, options.buckets)
        return {"edges": [float(edge) for edge in edges], "encoding": options.encoding}

    @staticmethod
    def outputs(column: str, state: Mapping[str, Any]) -> Outputs:
        """One code column, or the dense columns `column=(missing)`, `column<10`, `10<=column<20`, `20<=column`."""
        edges: list[float] = state["edges"]
        if state["encoding"] == "embedding":
            return Outputs(codes=((column, FIRST + len(edges) + 1),))
        shown = [f"{edge:g}" for edge in edges]
        low = ["", *(f"{edge}<=" for edge in shown)]
        high = [*(f"<{edge}" for edge in shown), ""]
        names = tuple(f"{a}{column}{b}" for a, b in zip(low, high, strict=True))
        return Outputs(dense=(f"{column}=(missing)", *names))

    @staticmethod
    def encode(column: pa.ChunkedArray, state: Mapping[str, Any]) -> EncodedColumn:
        """Codes, int [rows], or for one-hot one bool array [rows] for each code."""
        values = to_floats(column)
        edges = np.array(state["edges"], np.float64)
        codes = np.where(np.isnan(values), MISSING, FIRST + np.searchsorted(edges, values, side="right"))
        if state["encoding"] == "embedding":
            return EncodedColumn(codes=(codes,))
        return EncodedColumn(dense=tuple(codes == index for index in range(FIRST + len(edges) + 1)))
