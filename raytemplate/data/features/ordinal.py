"""`ordinal`: values with an order become one dense column with their position in it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from raytemplate.data.features.categorical import UNKNOWN, Categorical, codes_of
from raytemplate.data.features.kind import EncodedColumn, Profiled, as_it_is, one_dense
from raytemplate.data.features.options import OrdinalOptions
from raytemplate.data.statistics import CategoryProfile
from raytemplate.errors import DataError

_MOST_NAMED = 5


class Ordinal:
    """Positions 0, 1.. in the given order, scaled to mean 0 and standard deviation 1 in training; missing and unknown
    values are 0."""

    profiled: Profiled = "category"

    accepts = staticmethod(Categorical.accepts)
    prepare = staticmethod(as_it_is)

    @staticmethod
    def fit(profile: CategoryProfile, options: OrdinalOptions) -> Mapping[str, Any]:
        """The values in their order, and the mean and the divisor that scale a position.

        Raises:
            DataError: training has a value that is not in the order.
        """
        new = [value for value in profile.counts if value not in options.order]
        if new:
            shown = ", ".join(f'"{value}"' for value in new[:_MOST_NAMED])
            rows = sum(profile.counts[value] for value in new)
            raise DataError(
                f"{shown}{' and more' if len(new) > _MOST_NAMED else ''} in {rows:,} training rows: not in the "
                f"order {', '.join(options.order)}",
                next_step="add it to order, or take its rows out with data.drop",
            )
        rows = np.array([profile.counts.get(value, 0) for value in options.order], np.float64)
        positions, total = np.arange(len(rows)), max(1.0, rows.sum())
        mean = float((positions * rows).sum() / total)
        deviation = float(np.sqrt((np.square(positions - mean) * rows).sum() / total))
        return {"values": list(options.order), "mean": mean, "divisor": deviation or 1.0}

    outputs = staticmethod(one_dense)

    @staticmethod
    def encode(column: pa.ChunkedArray, state: Mapping[str, Any]) -> EncodedColumn:
        """(position - mean) / divisor, float64 [rows]."""
        codes = codes_of(column, state["values"])
        positions = (np.arange(len(state["values"])) - float(state["mean"])) / float(state["divisor"])
        return EncodedColumn(dense=(np.concatenate([[0.0, 0.0], positions])[codes],), unknown=codes == UNKNOWN)
