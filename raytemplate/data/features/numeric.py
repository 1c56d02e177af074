"""`numeric`: a column of numbers becomes one dense column."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from raytemplate.data.exact import to_float64
from raytemplate.data.features.kind import EncodedColumn, Profiled, family_of, one_dense
from raytemplate.data.features.options import NumericOptions
from raytemplate.data.statistics import NumberProfile, to_floats

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

MAX_DEVIATIONS = 16.0
"""Bound of an encoded number, in standard deviations. Measured on flights: 16 clips 0.05 % of `precip` after log and
nothing else, 8 would clip 0.36 % (heavy rain)."""

MAX_UNSEEN = 1.0
"""Bound of a column that was constant in training: its weights were never learnt, so its effect must stay small."""

_LARGEST = float(np.finfo(np.float32).max)


class Numeric:
    """Numbers: nulls and NaN filled with the training mean, scaled to mean 0 and standard deviation 1.

    A column that was constant in training gives exactly 0 for that value. For any other value the distance is divided
    by the size of the constant (at least 1) and clipped to -1..1: finite and small, because it was never learnt.
    """

    profiled: Profiled = "number"

    @staticmethod
    def accepts(column: str, kind: Any) -> str:
        """ "number" for whole numbers, floats, decimals and booleans."""
        hint = "not a number; list it under features.categorical"
        return family_of(column, kind, {"number": _is_number}, hint)

    @staticmethod
    def prepare(column: pa.ChunkedArray, options: NumericOptions) -> pa.ChunkedArray:
        """float64 [rows], transformed. Arrow's log1p gives a value the same bits at every position."""
        return _transformed(column, options.transform)

    @staticmethod
    def fit(profile: NumberProfile, options: NumericOptions) -> Mapping[str, Any]:
        """The value to fill in, to subtract and to divide by, and the bound of the result."""
        mean, divisor, bound = _scaling(profile) if options.scale == "standard" else (0.0, 1.0, _LARGEST)
        fill = mean if options.scale == "standard" else profile.mean
        return {"transform": options.transform, "fill": fill, "mean": mean, "divisor": divisor, "bound": bound}

    outputs = staticmethod(one_dense)

    @staticmethod
    def encode(column: pa.ChunkedArray, state: Mapping[str, Any]) -> EncodedColumn:
        """(x - mean) / divisor, clipped to the bound; float64 [rows]."""
        values = to_floats(_transformed(column, str(state["transform"])))
        filled = np.where(np.isnan(values), float(state["fill"]), values)
        with np.errstate(over="ignore"):
            filled -= float(state["mean"])
            filled /= float(state["divisor"])
        return EncodedColumn(dense=(np.clip(filled, -float(state["bound"]), float(state["bound"]), out=filled),))


def _scaling(profile: NumberProfile) -> tuple[float, float, float]:
    """(mean, divisor, bound). A deviation that is only rounding noise counts as 0; if it overflows a float, the largest
    absolute value is the divisor."""
    mean, deviation = profile.mean, profile.deviation
    if not (np.isfinite(mean) and np.isfinite(deviation)):
        return 0.0, max(abs(profile.min), abs(profile.max)), MAX_DEVIATIONS
    if deviation > 1e-12 * abs(mean):
        return mean, deviation, MAX_DEVIATIONS
    value = profile.min if profile.num_finite else 0.0
    return value, max(1.0, abs(value)), MAX_UNSEEN


def _is_number(kind: Any) -> bool:
    types = pa.types
    return any(test(kind) for test in (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean))


def _transformed(column: Any, transform: str) -> Any:
    numbers = to_float64(column)
    if transform == "none":
        return numbers
    return pc.multiply(pc.sign(numbers), pc.log1p(pc.abs(numbers)))
