"""The north star's evaluation, for the tests of gates and verdicts."""

from datetime import UTC, datetime

from raytemplate.records.evaluated import ChampionRef, Difference, Estimate, MetricValue, Scored

START, END = datetime(2013, 6, 17, tzinfo=UTC), datetime(2013, 7, 1, tzinfo=UTC)


def metric_value(name="mae", value=6.94, version=1):
    return MetricValue(
        id=name,
        version=version,
        higher_is_better=name == "r2",
        estimate=Estimate(value=value, low=value - 1, high=value + 1),
    )


def scored(name, mae, gain=None, version=1):
    """A model with its MAE and R2; `gain` is (value, low, high) of the candidate over it."""
    difference = None
    if gain is not None:
        value, low, high = gain
        estimate = Estimate(value=-value, low=-high, high=-low)
        difference = Difference(
            metric="mae", version=version, estimate=estimate, gain=Estimate(value=value, low=low, high=high)
        )
    metrics = {"mae": metric_value("mae", mae, version), "r2": metric_value("r2", 0.81)}
    return Scored(name=name, metrics=metrics, difference=difference)


CHAMPION = ChampionRef(version=1, digest="d1", term=1, run_id="j3", seen_until=datetime(2013, 5, 18, tzinfo=UTC))
EVALUATION = {
    "metric": "mae",
    "test_snapshot": "s",
    "test_start": START,
    "test_end": END,
    "candidate_seen_until": START,
    "num_rows": 12_695,
    "num_train_rows": 141_497,
    "resample": "day",
    "num_groups": 14,
    "num_resamples": 2000,
    "term": 1,
    "candidate_digest": "d2",
    "candidate": scored("candidate", 6.94),
    "baseline": scored("baseline", 9.08, (2.14, 0.91, 3.32)),
    "champion_ref": CHAMPION,
    "champion": scored("champion", 8.54, (1.60, 0.83, 2.61)),
}
