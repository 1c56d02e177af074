"""The batches that a rank gets, without Ray."""

import numpy as np
import pytest

from raytemplate import plugins
from raytemplate.data.features.gaps import Gap
from raytemplate.engines.ray.data.feeds import MemoryFeed, StreamFeed
from raytemplate.models.context import Layout
from raytemplate.models.saved import seen_by


class Shard:
    """A rank's shard of a stream, like that of Ray Data."""

    def __init__(self, *batches):
        self.batches = batches

    def iter_batches(self, **how):
        return iter(self.batches)


def feed(*batches):
    return StreamFeed({"train": Shard(*batches)}, widths=(2, 1), num_ranks=2, seed=0, buffer_rows=10, total=lambda n: n)


def test_a_rank_without_rows_has_arrays_without_rows():
    found = feed().arrays("train")
    assert (found.dense.shape, found.codes.shape, found.target.shape) == ((0, 2), (0, 1), (0,))
    assert (found.dense.dtype, found.codes.dtype, found.num_rows_all_ranks) == (np.float32, np.int32, 0)


def test_arrays_are_all_batches_in_their_order():
    batch = {"dense": np.ones((3, 2)), "codes": np.full((3, 1), 2), "target": np.arange(3)}
    found = feed(batch, {**batch, "target": np.arange(3, 6)}).arrays("train")
    assert found.target.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.dense.shape == (6, 2)


GAPS = (Gap(column="b", name="b=(missing)", places=(1,)),)
COLUMNS = {
    "dense": np.array([[1, 0], [2, 5]], np.float32), "codes": np.ones((2, 1), np.int32),
    "missing": np.array([[True], [False]]), "target": np.arange(2, dtype=np.float32),
}  # fmt: skip
NAN = np.nan


@pytest.mark.parametrize("memory", [True, False], ids=["memory", "stream"])
@pytest.mark.parametrize(("family", "seen"), [("lightgbm", [[1, NAN], [2, 5]]), ("linear", [[1, 0, 1], [2, 5, 0]])])
def test_each_family_sees_missing_values_its_own_way(memory, family, seen):
    encoded = Layout(dense=("a", "b"), codes=("c",), cardinalities=(3,), target_mean=0.0, target_std=1.0, gaps=GAPS)
    layout = seen_by(plugins.load(plugins.FAMILIES, family), encoded)
    assert len(layout.dense) == len(seen[0])
    if memory:
        found = MemoryFeed({"train": COLUMNS, "validation": COLUMNS}, rank=0, num_ranks=1, seed=0, layout=layout)
    else:
        found = StreamFeed(
            {"train": Shard(COLUMNS), "validation": Shard(COLUMNS)},
            widths=(2, 1),
            layout=layout,
            num_ranks=1,
            seed=0,
            buffer_rows=10,
            total=lambda n: n,
        )
    whole = found.arrays("train").dense
    np.testing.assert_array_equal(whole, np.array(seen, np.float32))
    (batch,) = found.batches("validation", epoch=1, batch_size=9)
    np.testing.assert_array_equal(batch.dense, whole)
    shuffled = np.concatenate([b.dense for b in found.batches("train", epoch=1, batch_size=1)])
    assert sorted(map(str, shuffled.tolist())) == sorted(map(str, whole.tolist()))
    assert COLUMNS["dense"].tolist() == [[1, 0], [2, 5]]  # other ranks read the same array, so it must not change
