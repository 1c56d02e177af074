"""What has changed in the data since the champion: columns and, by their statistics, units."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.data.quantiles import quantile_profile
from raytemplate.data.schema_changes import likely_renamed, schema_changes
from raytemplate.data.statistics import number_profile
from raytemplate.data.unit_changes import factor, told, unit_changes

BEFORE = (("time", "timestamp[us]"), ("distance", "int64"), ("carrier", "string"), ("seats", "int64"))
SINCE = "since champion version 3"
CHANGES = {
    "nothing": (BEFORE, ()),
    "renamed in its place": (
        (("time", "timestamp[us]"), ("miles", "int64"), *BEFORE[2:]),
        (f"distance is gone {SINCE}, and miles is new, of the same type: renamed? If so, rename it back",),
    ),
    "gone": (BEFORE[:3], (f"gone {SINCE}: seats; nothing in this template reads them",)),
    "new": ((*BEFORE, ("gate", "string")), (f"new {SINCE}: gate; list them under features to use them",)),
    "retyped": (
        (*BEFORE[:3], ("seats", "string")),
        (("seats was int64 for champion version 3 and is string now, which this template does not read; write it as it "
         "was before"),),
    ),
    "reordered": (
        (BEFORE[1], BEFORE[0], *BEFORE[2:]),
        ("the columns are in another order than for champion version 3; they are read by name, so nothing changes",),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("now", "lines"), CHANGES.values(), ids=CHANGES)
def test_each_change_of_the_columns_is_one_line(now, lines):
    assert schema_changes(BEFORE, now, ("time", "distance"), 3) == lines


def test_a_column_of_another_type_is_not_the_renamed_one():
    assert likely_renamed(BEFORE, (*BEFORE[:3], ("seat", "string"))) == {}
    assert likely_renamed(BEFORE, (*BEFORE[:3], ("seat", "int64"), ("n", "int64"))) == {"seats": "seat"}


def profiles(values):
    column = pa.chunked_array([values])
    return number_profile(column, "number"), quantile_profile(column, "number")


def statistics(profile) -> FeatureStatistics:
    return FeatureStatistics(num_rows=1, target_column="y", target=profile, columns={"numeric:distance": profile})


def test_numbers_times_one_factor_are_a_likely_change_of_unit():
    miles = np.random.default_rng(1).gamma(4.0, 250.0, 5_000)
    later = np.random.default_rng(2).gamma(4.0, 250.0, 5_000) * 1.609344
    (change,) = unit_changes(statistics(profiles(miles)[1]), {"train": statistics(profiles(later)[1])})
    assert told(change, 3).startswith("distance: values in the train window are about 1.6")
    assert told(change, 3).endswith(
        "times those that champion version 3 was trained on, as if miles had become km; if the unit has changed, "
        "convert it in the data"
    )


DRIFTS = {
    "as before": lambda v: v,
    "shifted": lambda v: v + 30.0,
    "wider": lambda v: (v - v.mean()) * 2 + v.mean(),
    "a few outliers": lambda v: np.append(v, [1e6]),
    "a little more": lambda v: v * 1.1,
    "zero": lambda v: v * 0,
    "upside down": lambda v: -v,
    "few rows": lambda v: v[:50] * 2,
}


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS)
def test_drift_is_no_change_of_unit(drift):
    values = np.random.default_rng(1).gamma(4.0, 250.0, 5_000)
    for before, now in zip(profiles(values), profiles(drift(values)), strict=True):
        assert factor(before, now) is None
