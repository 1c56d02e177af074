"""Features that are taken as they were fitted: nothing about them is learnt again."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from raytemplate.data.features.encoding import encode, fit_features
from raytemplate.data.features.feature_statistics import feature_statistics
from raytemplate.data.features.fitted import FeatureSet, set_digest
from raytemplate.data.features.set_name import parse_set_name
from raytemplate.data.features.typical import typical_row
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings

JUNE = datetime(2013, 6, 1, tzinfo=UTC)
CARRIER, DISTANCE, SEATS = (
    FeatureStep(kind=kind, column=column, settings=Settings({}))
    for kind, column in (("categorical", "carrier"), ("numeric", "distance"), ("numeric", "seats"))
)
MAY = pa.table({"carrier": ["UA", "UA", "DL"], "distance": [1.0, None, 3.0], "seats": [5, 6, 7], "y": [1.0, 2.0, 4.0]})
NEXT = pa.table({"carrier": ["XX", "DL"], "distance": [90.0, None], "seats": [None, 8.0], "y": [1.0, 3.0]})


def fitted(rows, steps, taken=None):
    return fit_features(feature_statistics(rows, steps, "y"), steps, gaps=True, taken=taken)


def taken_from(found):
    return FeatureSet(
        model="a",
        version=3,
        digest=set_digest(found.features, found.gaps),
        model_digest="d" * 64,
        features=found.features,
        gaps=found.gaps,
        num_columns=len(found.dense) + len(found.codes),
        seen_until=JUNE,
    )


def test_taken_features_keep_their_state_and_a_value_first_seen_now_is_unknown_to_them():
    before = fitted(MAY, (CARRIER, DISTANCE))
    taken = taken_from(before)
    now = fitted(NEXT, (SEATS,), taken)
    assert set_digest(now.features[:2], now.gaps[:1]) == taken.digest
    assert (now.dense, now.codes, now.num_rows) == (("distance", "seats"), ("carrier",), 2)
    assert [(gap.column, gap.places) for gap in now.gaps] == [("distance", (0,)), ("seats", (1,))]
    rows, alone = encode(NEXT, now, with_target=True), encode(NEXT, before, with_target=False)
    assert rows.num_unknown == 1 and np.array_equal(rows.codes, alone.codes)
    assert np.array_equal(rows.dense[:, :1], alone.dense)
    assert rows.missing.tolist() == [[False, True], [True, False]]
    assert fitted(NEXT, (CARRIER,)).features[0] != before.features[0]


def test_a_template_may_have_no_features_of_its_own():
    taken = taken_from(fitted(MAY, (CARRIER, DISTANCE)))
    found = fitted(NEXT, (), taken)
    assert (found.features, found.gaps, found.target_mean) == (taken.features, taken.gaps, 2.0)


def test_the_example_of_a_request_has_the_columns_of_taken_features():
    taken = taken_from(fitted(MAY, (CARRIER, DISTANCE)))
    types = {"carrier": "text", "distance": "number", "seats": "integer"}
    row = typical_row((SEATS,), feature_statistics(MAY, (SEATS,), "y"), types, JUNE, taken=taken)
    assert row == {"carrier": "UA", "distance": 1.0, "seats": 6}


@pytest.mark.parametrize(
    "text", ["flights/3", "features/flights", "features/flights/0", "features/A/1", "features/a/b"]
)
def test_other_names_are_no_feature_set(text):
    with pytest.raises(ValueError, match=f'got "{text}", expected features/MODEL/VERSION or features/MODEL/latest'):
        parse_set_name(text)
    assert [str(parse_set_name(name)) for name in ("features/a/3", "features/a/latest")] == [
        "features/a/3",
        "features/a/latest",
    ]
