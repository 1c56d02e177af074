"""95 % intervals by bootstrap over groups of rows that belong together, such as the flights of one day.

The percentile bootstrap (Efron and Tibshirani 1993, chapter 13) draws whole groups with replacement. With few groups it
is too narrow, for two known reasons: the plug-in variance divides by n, not n - 1, and the spread itself is estimated
(Hesterberg 2015, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4)). Both are corrected
here by scaling the distance of each end from the value by sqrt(n / (n - 1)) * t(0.975, n - 1) / z(0.975). Hesterberg
widens the levels of the percentiles by that factor instead; that needs draws further out than few groups can give (5
normal groups: coverage 0.918, here 0.946), and is equivalent from about 10 groups on.

Measured coverage of the nominal 95 %, ratios of day sums, 14 groups, 4,000 repeats: normal days 0.912 plain, 0.942
here; right-skewed days (gamma 2) 0.902, 0.934; exponential 0.885, 0.915; t with 4 degrees of freedom 0.909, 0.946. Not
corrected: groups that are correlated with each other (0.3 between neighbours: 0.797, 0.846); resample longer groups
then.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from raytemplate.evaluation.metrics.formula import Floats, Groups
from raytemplate.records.evaluated import Estimate

Resample = Literal["day", "hour", "week", "row"]

MAX_GROUPS = 1_000
"""Most groups; more are first merged at random (seeded) into this many, which keeps the variance and bounds the
work."""

_Z = 1.959963984540054
_T_FEW = {1: 12.706204736, 2: 4.302652730, 3: 3.182446305, 4: 2.776445105}
_LEVELS = (0.025, 0.975)


def group_ids(times: NDArray[np.datetime64], resample: Resample) -> Groups:
    """The group of each row, numbered from 0 without gaps; hours, days and weeks (from Monday) are in UTC.

    Args:
        times: datetime64[us] [rows]; for "row" only its length matters.

    Raises:
        ValueError: a row has no time, unless `resample` is "row".
    """
    if resample == "row":
        return np.arange(len(times), dtype=np.int64)
    missing = int(np.isnat(times).sum())
    if missing:
        raise ValueError(f"{missing:,} of {len(times):,} rows have no time: cannot group by {resample}")
    step = times.astype("datetime64[h]" if resample == "hour" else "datetime64[D]").astype(np.int64)
    if resample == "week":
        step = (step + 3) // 7  # day 0, 1970-01-01, was a Thursday
    return np.unique(step, return_inverse=True)[1].astype(np.int64).reshape(-1)


def bound_groups(groups: Groups, seed: int) -> Groups:
    """The same groups, or `MAX_GROUPS` groups, each of which merges random ones of the old."""
    num_groups = int(groups.max()) + 1
    if num_groups <= MAX_GROUPS:
        return groups
    order = np.random.Generator(np.random.PCG64([seed, 1])).permutation(num_groups)
    return (order % MAX_GROUPS)[groups]


def draw_counts(num_groups: int, num_resamples: int, seed: int) -> Floats:
    """How often each draw contains each group: float64 [resamples, groups]; every row sums to `num_groups`."""
    generator = np.random.Generator(np.random.PCG64(seed))
    shares = np.full(num_groups, 1.0 / num_groups)
    return generator.multinomial(num_groups, shares, size=num_resamples).astype(np.float64)


def interval(value: float, drawn: Floats, num_groups: int) -> Estimate:
    """A value with its 95 % interval from its draws, float64 [resamples].

    A single group has no spread between groups, and a draw without a value (R2 for a constant target) leaves the
    interval unknown: both give (-inf, inf), on which no gate passes.
    """
    if num_groups < 2 or not np.isfinite(drawn).all():
        return Estimate(value=value, low=-np.inf, high=np.inf)
    low, high = np.quantile(drawn, _LEVELS)
    wider = widening(num_groups)
    # The max keeps a value inside its interval if it is outside its own percentiles (strong skew, few groups).
    return Estimate(
        value=value,
        low=value - wider * max(value - float(low), 0.0),
        high=value + wider * max(float(high) - value, 0.0),
    )


def widening(num_groups: int) -> float:
    """Factor by which the plain percentile interval is widened: 1.14 for 14 groups, 1.07 for 28, towards 1 for many."""
    return t_quantile(num_groups - 1) / _Z * float(np.sqrt(num_groups / (num_groups - 1)))


def t_quantile(degrees: int) -> float:
    """The 0.975 quantile of Student's t, to 3e-4 (Abramowitz and Stegun 1964, 26.7.5; from a table below 5 degrees)."""
    if degrees in _T_FEW:
        return _T_FEW[degrees]
    z, n = _Z, float(degrees)
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * n**4)
    )
