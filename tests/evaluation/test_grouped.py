import numpy as np
import pyarrow as pa
import pytest

from raytemplate.evaluation.grouped import groups_of, unit_values

A_LARGE_ID = 9_007_199_254_740_993  # no float64


def groups(*columns):
    return groups_of(pa.chunked_array([unit_values(pa.table({"who": column}), "who") for column in columns])).tolist()


@pytest.mark.parametrize(
    "values",
    [
        ["b", "a", "b", "c", "a"],
        pa.array(["b", "a", "b", "c", "a"]).dictionary_encode(),
        [2, 1, 2, 3, 1],
        [A_LARGE_ID, A_LARGE_ID + 1, A_LARGE_ID, A_LARGE_ID - 1, A_LARGE_ID + 1],
    ],
    ids=["text", "dictionary", "numbers", "long ids"],
)
def test_rows_of_one_value_are_one_group(values):
    found = groups(values)
    assert found[0] == found[2] and found[1] == found[4]
    assert sorted(set(found)) == [0, 1, 2]


def test_each_row_without_a_value_is_a_group_of_its_own():
    found = groups(["a", None, " ", "a", None])
    assert found[0] == found[3] and sorted(set(found)) == [0, 1, 2, 3]


def test_batches_share_their_groups():
    found = groups(["a", "b"], [None, None], ["b"])
    assert found[1] == found[4] and len(set(found)) == 4
    assert np.array(found).max() == 3
