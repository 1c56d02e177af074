"""`cycle`: a number on a circle becomes a sine and a cosine, so that 359 degrees are next to 0."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raytemplate.data.features.kind import EncodedColumn, Outputs, Profiled, as_it_is
from raytemplate.data.features.numeric import Numeric
from raytemplate.data.statistics import PresenceProfile
from raytemplate_sample.options import CycleOptions


class Cycle:
    """Two dense columns; a missing number is 0 in both, the middle of the circle."""

    profiled: Profiled = "presence"

    accepts = staticmethod(Numeric.accepts)
    prepare = staticmethod(as_it_is)

    @staticmethod
    def fit(profile: PresenceProfile, options: CycleOptions) -> Mapping[str, Any]:
        """Nothing of the data: the period alone."""
        return {"period": options.period}

    @staticmethod
    def outputs(column: str, state: Mapping[str, Any]) -> Outputs:
        """The names of the two columns."""
        return Outputs(dense=(f"{column}.sin", f"{column}.cos"))

    @staticmethod
    def encode(column: pa.ChunkedArray, state: Mapping[str, Any]) -> EncodedColumn:
        """By Arrow's functions, which give a number the same bits wherever it stands; float64 [rows] each."""
        angle = pc.multiply(pc.cast(column, pa.float64(), safe=False), 2 * math.pi / state["period"])
        parts = (function(angle).to_numpy() for function in (pc.sin, pc.cos))
        return EncodedColumn(dense=tuple(np.nan_to_num(part, nan=0.0) for part in parts))
