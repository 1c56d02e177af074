import numpy as np
import pytest

from raytemplate.evaluation.compare import compare
from raytemplate.evaluation.intervals import group_ids
from raytemplate.plugins import PluginError
from raytemplate.records.codec import dumps, loads
from raytemplate.records.evaluated import Estimate, Scored


def days(num_days=14, rows_a_day=500, seed=0):
    """Target, day and time of each row, as in a test window."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(num_days), rows_a_day)
    times = np.datetime64("2013-06-17", "us") + day * np.timedelta64(1, "D")
    return rng.normal(150, 50, len(day)), day, times


def score(predictions, target, groups, **changes):
    settings = {"candidate": "candidate", "metric": "mae", "also": ("rmse", "r2"), "num_resamples": 500, "seed": 7}
    return compare(target=target, groups=groups, predictions=predictions, **(settings | changes))


def test_identical_models_differ_by_exactly_nothing():
    target, day, _ = days()
    prediction = target + np.random.default_rng(1).normal(size=len(target))
    scored = score({"candidate": prediction, "champion": prediction.copy()}, target, day)
    nothing = Estimate(value=0.0, low=0.0, high=0.0)
    assert (scored["champion"].difference.estimate, scored["champion"].difference.gain) == (nothing, nothing)
    assert scored["candidate"].difference is None


def test_gain_is_better_is_positive_in_both_directions():
    target, day, _ = days()
    rng = np.random.default_rng(1)
    models = {"candidate": target + rng.normal(0, 5, len(target)), "champion": target + rng.normal(0, 9, len(target))}
    mae = score(models, target, day)["champion"].difference
    r2 = score(models, target, day, metric="r2")["champion"].difference
    assert mae.estimate.high < 0 < mae.gain.low and r2.estimate.low > 0
    assert mae.gain == Estimate(value=-mae.estimate.value, low=-mae.estimate.high, high=-mae.estimate.low)
    assert r2.gain == r2.estimate


def test_difference_is_that_of_the_values_and_paired():
    target, day, _ = days()
    shared = np.random.default_rng(2).normal(0, 10, 14)[day]  # a bad day is bad for both
    models = {"candidate": target + shared, "champion": target + shared + np.sign(shared) * 0.5}
    scored = score(models, target, day)
    mine, theirs = (scored[name].metrics["mae"].estimate for name in ("candidate", "champion"))
    difference = scored["champion"].difference.estimate
    assert difference.value == pytest.approx(mine.value - theirs.value) == pytest.approx(-0.5)
    assert difference.high - difference.low < 1e-9 < 1 < mine.high - mine.low


def test_drawing_rows_calls_real_what_drawing_days_does_not():
    target, _, times = days()
    by_day = np.random.default_rng(3).normal(0, 2, 14)
    by_day -= by_day.mean() - 0.4  # the candidate is worse by 0.4 on average, by luck of the days
    models = {"candidate": target + 10 + np.repeat(by_day, 500), "champion": target + 10}
    by_rows = score(models, target, group_ids(times, "row"))["champion"].difference.estimate
    by_days = score(models, target, group_ids(times, "day"))["champion"].difference.estimate
    assert by_rows.low > 0
    assert by_days.low < 0 < by_days.high


def test_chance_differences_between_days_are_rarely_called_gains():
    target, day, _ = days(rows_a_day=50)
    rng = np.random.default_rng(9)
    called = 0
    for _ in range(200):
        luck = rng.normal(0, 2, 14)[day]
        models = {"candidate": target + 10 + luck, "champion": target + 10}
        called += score(models, target, day, also=())["champion"].difference.gain.low > 0
    assert called <= 10


def test_one_day_gives_no_interval():
    target, day, _ = days(num_days=1)
    scored = score({"candidate": target, "champion": target + 5}, target, day)
    gain = scored["champion"].difference.gain
    assert (gain.value, gain.low, gain.high) == (5.0, -np.inf, np.inf)
    assert loads(Scored, dumps(scored["champion"])) == scored["champion"]


def test_the_same_seed_gives_the_same_record():
    target, day, _ = days()
    models = {"candidate": target + 1, "baseline": np.full_like(target, 150.0)}
    assert score(models, target, day) == score(models, target, day)


BAD = np.array([1.0, np.nan, np.inf, 4.0])
REFUSED = [
    ({"predictions": {"candidate": BAD}}, "predictions of candidate: 2 of 4 rows are NaN or infinite"),
    ({"target": BAD}, "target: 2 of 4 rows are NaN or infinite"),
    (
        {"predictions": {"candidate": np.ones(3)}},
        "predictions of candidate: got shape (3,), expected 4 rows as the target",
    ),
    ({"predictions": {"champion": np.ones(4)}}, 'no predictions of the candidate "candidate"; there is champion'),
    ({"target": np.zeros(0)}, "no rows to score"),
    ({"metric": "r2", "target": np.ones(4)}, "r2 decides and has no value for candidate: is the target constant here?"),
    ({"metric": "mea"}, 'no such metric: "mea"; did you mean mae?'),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_compare_refuses(changes, message):
    good = {"target": np.arange(4.0), "groups": np.arange(4), "predictions": {"candidate": np.ones(4)}}
    with pytest.raises((ValueError, PluginError)) as refused:
        compare(**({"candidate": "candidate", "metric": "mae"} | good | changes))
    assert str(refused.value) == message


def test_r2_of_a_constant_target_is_nan_where_it_does_not_decide():
    scored = compare(
        target=np.ones(4),
        groups=np.arange(4),
        predictions={"a": np.zeros(4)},
        candidate="a",
        metric="mae",
        also=("r2",),
    )
    assert np.isnan(scored["a"].metrics["r2"].estimate.value)
