"""`power`: a power transform of numbers, chosen to make the training data as close to normal as possible."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from raytemplate.data.features.kind import EncodedColumn, Profiled, as_it_is, one_dense
from raytemplate.data.features.numeric import MAX_DEVIATIONS, Numeric
from raytemplate.data.features.options import PowerOptions
from raytemplate.data.quantiles import QuantileProfile
from raytemplate.data.statistics import to_floats

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

Floats = npt.NDArray[np.float64]
_MOST = 4.0
_STEPS = 60  # of golden section, which narrow the bracket from 8 to less than 1e-11
_GOLDEN = (5**0.5 - 1) / 2


class Power:
    """The transform of Yeo and Johnson (2000), scaled to mean 0 and standard deviation 1, clipped to 16 deviations.

    The power is the most likely one between -4 and 4. A missing number becomes 0, and so does every number of a column
    that is constant in training.
    """

    profiled: Profiled = "quantiles"

    accepts = staticmethod(Numeric.accepts)
    prepare = staticmethod(as_it_is)

    @staticmethod
    def fit(profile: QuantileProfile, options: PowerOptions) -> Mapping[str, Any]:
        """The power, and the mean and the divisor that scale the result; a divisor of 0 means a constant column."""
        del options
        values, rows = profile.middles(), profile.rows()
        if len(values) < 2:
            return {"power": 1.0, "mean": 0.0, "divisor": 0.0}
        power = _most_likely(values, rows)
        mean, deviation = _moments(_raised(values, power), rows)
        varies = np.isfinite(deviation) and deviation > 1e-12 * abs(mean)
        return {"power": power, "mean": mean, "divisor": deviation if varies else 0.0}

    outputs = staticmethod(one_dense)

    @staticmethod
    def encode(column: pa.ChunkedArray, state: Mapping[str, Any]) -> EncodedColumn:
        """(raised - mean) / divisor, clipped to 16; float64 [rows]."""
        values = to_floats(column)
        if not state["divisor"]:
            return EncodedColumn(dense=(np.zeros(len(values)),))
        with np.errstate(over="ignore"):
            scaled = (_raised(values, float(state["power"])) - float(state["mean"])) / float(state["divisor"])
        return EncodedColumn(dense=(np.clip(np.nan_to_num(scaled, nan=0.0), -MAX_DEVIATIONS, MAX_DEVIATIONS),))


def _raised(values: Floats, power: float) -> Floats:
    """Yeo and Johnson's psi, by Arrow's functions, which give a number the same bits at every position."""
    size = pc.log1p(pa.array(np.abs(values)))
    upper, lower = _by_log(size, power), _by_log(size, 2 - power)
    return np.where(values < 0, -lower, upper)


def _by_log(size: Any, power: float) -> Floats:
    """((1 + |x|) ** power - 1) / power, from log(1 + |x|)."""
    raised = size if power == 0 else pc.divide(pc.expm1(pc.multiply(size, power)), power)
    return raised.to_numpy(zero_copy_only=False)


def _most_likely(values: Floats, rows: Floats) -> float:
    """The power with the highest likelihood, by golden-section search."""
    jacobian = float((rows * np.sign(values) * np.log1p(np.abs(values))).sum()) / float(rows.sum())
    low, high = -_MOST, _MOST
    for _ in range(_STEPS):
        a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if _likelihood(values, rows, a, jacobian) >= _likelihood(values, rows, b, jacobian):
            high = b
        else:
            low = a
    return round((low + high) / 2, 6)


def _likelihood(values: Floats, rows: Floats, power: float, jacobian: float) -> float:
    """The mean log likelihood of a row (Yeo and Johnson's equation 3.1), up to a constant."""
    _, deviation = _moments(_raised(values, power), rows)
    if not (np.isfinite(deviation) and deviation > 0):
        return -np.inf
    return -float(np.log(deviation)) + (power - 1) * jacobian


def _moments(values: Floats, rows: Floats) -> tuple[float, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float((values * rows).sum() / rows.sum())
        return mean, float(np.sqrt((np.square(values - mean) * rows).sum() / rows.sum()))
