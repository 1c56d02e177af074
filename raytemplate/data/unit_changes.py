"""A likely change of unit: the numbers of a column are those of before times one factor."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.data.features.kind import ColumnStatistics
from raytemplate.data.quantiles import QuantileProfile
from raytemplate.data.statistics import NumberProfile
from raytemplate.records.profiled import ColumnSummary, WindowProfile

_LEAST_ROWS = 100
_AGREE = 0.05
"""Greatest difference, as a share, between the factors that the figures of one column give."""
_CLEAR = 0.2
"""Least difference of a factor from 1. Smaller ones are what time does to a column."""
_KNOWN = (
    (1.609344, "miles had become km"), (0.621371, "km had become miles"), (0.3048, "feet had become metres"),
    (3.28084, "metres had become feet"), (0.453592, "pounds had become kg"), (2.204623, "kg had become pounds"),
    (2.54, "inches had become cm"), (0.393701, "cm had become inches"),
    (1000.0, "the unit were a thousand times smaller"), (0.001, "the unit were a thousand times larger"),
    (100.0, "shares had become percentages"), (0.01, "percentages had become shares"),
    (60.0, "minutes had become seconds, or hours minutes"),
    (1 / 60, "seconds had become minutes, or minutes hours"), (3600.0, "hours had become seconds"),
    (1 / 3600, "seconds had become hours"), (1.852, "nautical miles had become km"), (0.868976, "mph had become knots"),
    (0.44704, "mph had become m/s"), (33.8639, "inches of mercury had become hPa"),
)  # fmt: skip
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_PERCENTILES, _NEAR_ZERO = (10, 25, 50, 75, 90), 0.1
_AGREE_SAMPLED, _AGREE_CLOSELY, _IS_KNOWN = 0.1, 0.02, 0.03
"""Greatest differences of the factors of percentiles, which of some hundred rows are off by a few per cent by chance
(least and greatest values by far more); the same if the factor is none of `_KNOWN`; and from one of these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitChange:
    """A column whose numbers look rescaled."""

    column: str
    """The column, or the feature made from it."""

    factor: float
    """Numbers now, divided by those of before."""

    windows: tuple[str, ...]
    """Windows in which it is so."""


def unit_changes(before: FeatureStatistics, now: Mapping[str, FeatureStatistics]) -> tuple[UnitChange, ...]:
    """Columns of numbers that look rescaled in at least one window.

    Args:
        before: statistics of rows that a model was trained on.
        now: window -> its statistics.
    """
    return tuple(_changes(before, now))


def _changes(before: FeatureStatistics, now: Mapping[str, FeatureStatistics]) -> Iterator[UnitChange]:
    seen: set[str] = set()
    for key in before.columns:
        column = key.partition(":")[2]
        pairs = ((w, factor(before.columns[key], s.columns[key])) for w, s in now.items() if key in s.columns)
        found = {window: value for window, value in pairs if value is not None}
        if found and column not in seen:
            seen.add(column)
            yield UnitChange(column=column, factor=next(iter(found.values())), windows=tuple(found))


def raw_unit_changes(
    before: WindowProfile, now: Iterable[WindowProfile], columns: Iterable[str]
) -> Iterator[UnitChange]:
    """Raw columns of numbers that look rescaled in at least one window.

    Args:
        before: the profile of rows that a model was trained on.
        now: the profiles of windows.
        columns: the columns to look at; numbers of rows and keys grow without a change of unit.
    """
    windows = tuple(now)
    for column in columns:
        pairs = ((one.name, _raw_factor(before.columns.get(column), one.columns.get(column))) for one in windows)
        found = {window: value for window, value in pairs if value is not None}
        if found:
            yield UnitChange(column=column, factor=next(iter(found.values())), windows=tuple(found))


def _raw_factor(before: ColumnSummary | None, now: ColumnSummary | None) -> float | None:
    if before is None or now is None or not before.percentiles or not now.percentiles:
        return None
    if min(before.num_rows - before.num_null, now.num_rows - now.num_null) < _LEAST_ROWS:
        return None
    theirs, ours = before.percentiles, now.percentiles
    # A percentile near zero, for its column, says nothing of a factor.
    told = [at for at in _PERCENTILES if abs(theirs[at]) > _NEAR_ZERO * (theirs[90] - theirs[10])]
    before_at, now_at = (tuple(one[at] for at in told) for one in (theirs, ours))
    found = _common(before_at, now_at, _AGREE_SAMPLED)
    # Seasons scale percentiles alike, too: a factor that is no conversion must fit them closely.
    if found is not None and any(abs(found / value - 1) <= _IS_KNOWN for value, _ in _KNOWN):
        return found
    return _common(before_at, now_at, _AGREE_CLOSELY)


def factor(before: ColumnStatistics, now: ColumnStatistics) -> float | None:
    """The one factor by which the figures of two columns differ; None if there is none, or if it is about 1."""
    if isinstance(before, NumberProfile) and isinstance(now, NumberProfile):
        enough = min(before.num_finite, now.num_finite) >= _LEAST_ROWS
        ours = (now.mean, now.deviation, now.max, now.min)
        return _common((before.mean, before.deviation, before.max, before.min), ours) if enough else None
    if isinstance(before, QuantileProfile) and isinstance(now, QuantileProfile):
        enough = min(sum(before.counts), sum(now.counts)) >= _LEAST_ROWS
        return _common(_quantiles(before), _quantiles(now)) if enough else None
    return None


def _quantiles(profile: QuantileProfile) -> tuple[float, ...]:
    until = np.cumsum(profile.rows())
    at = np.searchsorted(until, until[-1] * np.array(_QUANTILES))
    return tuple(float(v) for v in profile.middles()[at.clip(max=len(until) - 1)])


def _common(before: tuple[float, ...], now: tuple[float, ...], agree: float = _AGREE) -> float | None:
    pairs = [(a, b) for a, b in zip(before, now, strict=True) if a or b]
    if len(pairs) < 3 or any(a == 0 or b / a <= 0 for a, b in pairs):
        return None
    ratios = [b / a for a, b in pairs]
    middle = float(np.median(ratios))
    alike = all(abs(ratio / middle - 1) <= agree for ratio in ratios)
    return middle if alike and abs(math.log(middle)) > math.log(1 + _CLEAR) else None


def told(change: UnitChange, version: int) -> str:
    """A likely change of unit in one line, with what to do.

    Args:
        version: the champion's version.
    """
    *others, last = change.windows
    where = f"{', '.join(others)} and {last} windows" if others else f"{last} window"
    known = next((text for value, text in _KNOWN if abs(change.factor / value - 1) <= _AGREE), "")
    looks = f", as if {known}" if known else ""
    return (
        f"{change.column}: values in the {where} are about {change.factor:.3g} times those that champion version "
        f"{version} was trained on{looks}; if the unit has changed, convert it in the data"
    )
