"""What a rank is fed, without Ray."""

import numpy as np

from raytemplate.engines.ray.feeds import StreamFeed


class Shard:
    """A rank's part of a stream, as Ray Data gives it."""

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
