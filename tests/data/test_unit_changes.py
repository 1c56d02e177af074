"""A change of unit is found in samples of rows of any distribution, and not where there is none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytemplate.data.profile.summary import window_profile
from raytemplate.data.profile.table import Asked, table_profile
from raytemplate.data.unit_changes import raw_unit_changes, told

DRAWS = {
    "gamma": lambda random, n: random.gamma(4.0, 250.0, n),
    "lognormal": lambda random, n: random.lognormal(3.0, 0.8, n),
    "exponential": lambda random, n: random.exponential(30.0, n),
    "around zero": lambda random, n: random.normal(0.0, 5.0, n),
    "far from zero": lambda random, n: random.normal(300.0, 40.0, n),
    "whole numbers": lambda random, n: random.poisson(90.0, n).astype(float),
    "uniform": lambda random, n: random.uniform(10.0, 90.0, n),
}
FACTORS = {1.609344: "miles had become km", 0.3048: "feet had become metres", 1000.0: "thousand times smaller"}


def window(values, name="train"):
    table = pa.table({"x": values})
    return window_profile(name, table_profile(table, Asked(columns=("x",))))


def found(before, now):
    return list(raw_unit_changes(window(before), [window(now, "test")], ["x"]))


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("seed", range(5))
def test_a_known_factor_is_found_in_a_window_of_five_thousand_rows(draw, factor, seed):
    random = np.random.default_rng(seed)
    (change,) = found(draw(random, 20_000), factor * draw(random, 5_000))
    assert (change.column, change.windows, change.factor) == ("x", ("test",), pytest.approx(factor, rel=0.03))


def test_a_factor_that_is_no_conversion_must_fit_closely():
    random = np.random.default_rng(0)
    before = random.gamma(4.0, 250.0, 20_000)
    (change,) = found(before, 1.37 * before[:10_000])
    assert change.factor == pytest.approx(1.37, rel=0.02)
    season = 1.37 * before * random.normal(1.0, 0.25, 20_000)  # much the same factor, but not of each value
    assert found(before, season) == []


@given(st.sampled_from(sorted(DRAWS)), st.integers(0, 2**32), st.integers(400, 5_000))
def test_other_rows_of_the_same_distribution_are_no_change_of_unit(name, seed, num_rows):
    random = np.random.default_rng(seed)
    assert found(DRAWS[name](random, 20_000), DRAWS[name](random, num_rows)) == []


def test_a_shift_another_spread_and_too_few_rows_are_none():
    random = np.random.default_rng(0)
    before = random.gamma(4.0, 250.0, 20_000)
    assert found(before, before[:5_000] + 500) == [] and found(before, before[:5_000] ** 1.2) == []
    assert found(before, 1.609344 * before[:99]) == [] and found(before, -before[:5_000]) == []


def test_it_is_told_in_one_line_with_what_to_do():
    random = np.random.default_rng(0)
    (change,) = found(random.gamma(4.0, 250.0, 9_000), 1.609344 * random.gamma(4.0, 250.0, 2_000))
    assert told(change, 3).endswith(
        "times those that champion version 3 was trained on, as if miles had become km; if the unit has changed, "
        "convert it in the data"
    )
