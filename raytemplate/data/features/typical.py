"""A made-up row that looks like the training rows, as an example request to a model; not a row of the data."""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from raytemplate.data.features.feature_statistics import FeatureStatistics, step_key
from raytemplate.data.features.fitted import FeatureSet
from raytemplate.data.features.inputs import Step, reads
from raytemplate.data.features.kind import ColumnStatistics
from raytemplate.data.quantiles import QuantileProfile
from raytemplate.data.statistics import CategoryProfile, NumberProfile, TimeProfile
from raytemplate.data.target_means import MISSING, TargetMeanProfile

Value = str | float | int | bool
_OTHERWISE: Mapping[str, Value] = {"number": 1.0, "integer": 1, "boolean": True, "text": "text"}
_DIGITS = 4


def typical_row(
    steps: Sequence[Step],
    train: FeatureStatistics | None,
    types: Mapping[str, str],
    now: datetime,
    *,
    masked: Collection[str] = (),
    taken: FeatureSet | None = None,
) -> dict[str, Value]:
    """Input column -> the mean or median of its numbers, its most frequent category, its last time.

    Args:
        train: statistics of the training window; without them, and for columns that they say nothing about, a value
            of the column's type stands there.
        types: column -> "number", "integer", "text", "boolean" or "time".
        now: the time in columns of times that nothing is known about.
        masked: columns about which nothing is known either, because a request holds values before they are masked.
        taken: features that come before those of the steps; `train` says nothing about them.
    """
    columns = train.columns if train is not None else {}
    found = {name: value for name, value in _frequent(taken).items() if name not in masked} if taken else {}
    for step in steps:
        if len(reads(step)) == 1 and not step.build and step_key(step) in columns and reads(step)[0] not in masked:
            value = _typical(columns[step_key(step)], step)
            if value is not None:
                found.setdefault(reads(step)[0], value)
    names = dict.fromkeys((*(taken.columns if taken else ()), *(name for step in steps for name in reads(step))))
    return {name: _of_type(found.get(name), types.get(name, "text"), now) for name in names}


def _frequent(taken: FeatureSet) -> dict[str, Value]:
    """Column -> its most frequent value, for categories of a set."""
    plain = (one for one in taken.features if one.kind == "categorical" and not one.inputs and one.state["values"])
    return {one.column: one.state["values"][0] for one in plain}


def _typical(profile: ColumnStatistics, step: Step) -> Value | None:
    match profile:
        case NumberProfile() if profile.num_finite:
            # Of a column whose logarithm is profiled, the number itself.
            is_log = step.settings.get("transform") == "log"
            return math.copysign(math.expm1(abs(profile.mean)), profile.mean) if is_log else profile.mean
        case QuantileProfile() if profile.bins:
            middle = np.searchsorted(np.cumsum(profile.rows()), profile.rows().sum() / 2)
            return float(profile.middles()[middle])
        case CategoryProfile() if profile.counts and step.kind != "text":
            return max(profile.counts, key=profile.counts.__getitem__)
        case TargetMeanProfile():
            rows = {value: sum(counts) for value, counts in profile.counts.items() if value != MISSING}
            return max(rows, key=rows.__getitem__, default=None)
        case TimeProfile() if profile.max is not None:
            return profile.max.isoformat()
        case _:
            return None


def _of_type(value: Value | None, word: str, now: datetime) -> Value:
    if word == "time":
        return value if isinstance(value, str) else now.astimezone(UTC).isoformat()
    if value is None:
        return _OTHERWISE[word]
    match word:
        case "number":
            return float(f"{float(value):.{_DIGITS}g}")
        case "integer":
            return round(float(value))
        case "boolean":
            return str(value).lower() in ("true", "1", "1.0")
        case _:
            return str(value)
