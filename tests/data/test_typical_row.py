"""The made-up row that shows what to ask a model."""

from datetime import UTC, datetime

import pyarrow as pa

from raytemplate.data.features.feature_statistics import feature_statistics
from raytemplate.data.features.typical import typical_row
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings

NOW = datetime(2013, 6, 1, tzinfo=UTC)
TABLE = pa.table(
    {
        "distance": [100, 200, 300, None],
        "rain": [0.0, 0.0, 10.0, 10.0],
        "carrier": ["UA", "DL", "UA", None],
        "at": [datetime(2013, 5, day, 7, tzinfo=UTC) for day in (1, 2, 3, 4)],
        "minutes": [1.0, 2.0, 3.0, 4.0],
    }
)
TYPES = {"distance": "integer", "rain": "number", "carrier": "text", "at": "time"}


def step(kind, column, **settings):
    return FeatureStep(kind=kind, column=column, settings=Settings(settings))


STEPS = (
    step("numeric", "distance"),
    step("numeric", "rain", transform="log"),
    step("categorical", "carrier"),
    step("datetime", "at", parts=["hour"]),
)


def test_it_has_means_the_most_frequent_category_and_the_last_time():
    train = feature_statistics(TABLE, STEPS, "minutes")
    row = typical_row(STEPS, train, TYPES, NOW)
    assert row == {"distance": 200, "rain": 2.317, "carrier": "UA", "at": "2013-05-04T07:00:00+00:00"}


def test_quantiles_give_the_middle_and_target_means_the_most_frequent_value():
    steps = (step("quantile", "rain"), step("target-mean", "carrier"))
    row = typical_row(steps, feature_statistics(TABLE, steps, "minutes"), TYPES, NOW)
    assert row == {"rain": 0.0, "carrier": "UA"}


def test_without_statistics_there_is_a_value_of_each_type():
    row = typical_row(STEPS, None, TYPES, NOW)
    assert row == {"distance": 1, "rain": 1.0, "carrier": "text", "at": "2013-06-01T00:00:00+00:00"}


def test_columns_that_a_feature_crosses_are_asked_for_one_by_one():
    crossed = FeatureStep(kind="categorical", column="route", settings=Settings({}), inputs=("carrier", "distance"))
    assert typical_row((crossed,), None, TYPES, NOW) == {"carrier": "text", "distance": 1}
