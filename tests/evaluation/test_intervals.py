import numpy as np
import pytest
from scipy import stats

from raytemplate.evaluation.intervals import (
    MAX_GROUPS,
    bound_groups,
    draw_counts,
    group_ids,
    interval,
    t_quantile,
    widening,
)
from raytemplate.evaluation.metrics.formula import group_sums
from raytemplate.records.evaluated import Estimate

TIMES = np.array(
    ["2013-06-02T23:59:59", "2013-06-03T00:00:00", "2013-06-03T00:59:59", "2013-06-09T12:00:00", "2013-06-02T00:00:00"],
    dtype="datetime64[us]",
)  # a Sunday, a Monday twice, the Sunday after, the first Sunday again


@pytest.mark.parametrize(
    ("resample", "expected"),
    [
        ("hour", [1, 2, 2, 3, 0]),
        ("day", [0, 1, 1, 2, 0]),
        ("week", [0, 1, 1, 1, 0]),
        ("row", [0, 1, 2, 3, 4]),
    ],
)
def test_group_ids_follow_utc(resample, expected):
    assert group_ids(TIMES, resample).tolist() == expected


def test_group_ids_refuse_rows_without_time():
    times = np.array(["2013-06-02", "NaT"], dtype="datetime64[us]")
    with pytest.raises(ValueError, match=r"^1 of 2 rows have no time: cannot group by day$"):
        group_ids(times, "day")


def test_group_sums_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    rows, groups = rng.normal(size=(50, 3)), rng.permutation(np.arange(50) % 7)
    assert group_sums(rows, groups) == pytest.approx(np.array([rows[groups == g].sum(axis=0) for g in range(7)]))


def test_draws_are_the_same_for_the_same_seed_only():
    a, b, c = draw_counts(14, 200, 7), draw_counts(14, 200, 7), draw_counts(14, 200, 8)
    assert (a == b).all() and (a != c).any()
    assert (a.sum(axis=1) == 14).all() and a.shape == (200, 14)


def test_many_groups_are_thrown_together_with_the_same_spread():
    rng = np.random.default_rng(5)
    values = np.column_stack([np.ones(20_000), rng.exponential(size=20_000)])
    groups = bound_groups(np.arange(20_000), 7)
    assert np.unique(groups).tolist() == list(range(MAX_GROUPS))
    drawn = draw_counts(MAX_GROUPS, 2000, 7) @ group_sums(values, groups)
    assert np.std(drawn[:, 1] / drawn[:, 0]) == pytest.approx(values[:, 1].std() / np.sqrt(20_000), rel=0.1)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 6, 13, 100, 1999])
def test_t_quantile_agrees_with_scipy(degrees):
    assert t_quantile(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), abs=3e-4)


def test_interval_is_the_widened_percentile_interval():
    drawn = np.linspace(-1.0, 3.0, 2001)
    got = interval(0.5, drawn, 14)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert got.low == pytest.approx(0.5 - widening(14) * (0.5 - low))
    assert got.high == pytest.approx(0.5 + widening(14) * (high - 0.5))
    assert widening(14) == pytest.approx(1.144, abs=1e-3)


@pytest.mark.parametrize(
    ("drawn", "num_groups"),
    [pytest.param([1.0, 1.0], 1, id="one group"), pytest.param([1.0, np.nan], 5, id="a draw without a value")],
)
def test_interval_is_unbounded_when_the_spread_is_unknown(drawn, num_groups):
    assert interval(1.0, np.array(drawn), num_groups) == Estimate(value=1.0, low=-np.inf, high=np.inf)


@pytest.mark.parametrize("kind", ["normal", "skewed", "heavy tails"])
def test_interval_of_14_days_covers_as_often_as_it_says(kind):
    rng = np.random.default_rng(11)
    draw = {
        "normal": lambda shape: rng.normal(size=shape),
        "skewed": lambda shape: (rng.gamma(2.0, 1.0, shape) - 2.0) / np.sqrt(2.0),
        "heavy tails": lambda shape: rng.standard_t(4, shape),
    }[kind]
    rows = rng.integers(700, 1000, (2000, 14)).astype(float)
    sums = 2.0 * draw(rows.shape) * rows + 5.0 * np.sqrt(rows) * rng.normal(size=rows.shape)
    counts, plain, ours = draw_counts(14, 1000, 7), 0, 0
    for day_rows, day_sums in zip(rows, sums, strict=True):
        drawn = counts @ np.column_stack([day_rows, day_sums])
        ratios = drawn[:, 1] / drawn[:, 0]
        low, high = np.quantile(ratios, [0.025, 0.975])
        got = interval(day_sums.sum() / day_rows.sum(), ratios, 14)
        plain, ours = plain + (low <= 0 <= high), ours + (got.low <= 0 <= got.high)
    assert 0.92 <= ours / 2000 <= 0.975
    assert plain / 2000 < 0.92
